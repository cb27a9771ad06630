"""The benchmarks keep up with the library that they measure.

They are not run at size here: each is imported and asked for its help, and
what decides a comparison is tested.
"""

import argparse
import pathlib
import runpy
import sys

import forked
import numpy as np
import pytest

from keras_elastic import command_line
from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection.budget import short
from keras_elastic.spaces import costs

FOLDER = pathlib.Path(__file__).parents[1] / "benchmarks"
WITH_FLAGS = sorted(
    path.stem for path in FOLDER.glob("*.py") if "argparse" in path.read_text()
)


@pytest.fixture(autouse=True)
def on_path(monkeypatch):
    """Benchmarks import what they share from beside them."""
    monkeypatch.syspath_prepend(FOLDER)
    # What they set before TensorFlow is imported ends with the test.
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")


def load(name):
    return runpy.run_path(str(FOLDER / f"{name}.py"))


@pytest.mark.parametrize("name", WITH_FLAGS)
def test_a_benchmark_says_what_it_does(name, monkeypatch, capsys):
    if name == "torch_eager":
        pytest.importorskip("torch")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as stop:
        load(name)["main"]()
    assert not stop.value.code
    assert load(name)["__doc__"].split("\n")[0][:40] in capsys.readouterr().out


@pytest.mark.parametrize("name", ["bignas_digits", "bignas_cifar10"])
def test_a_scaled_network_costs_nearly_what_the_child_does(name):
    twins = load("twins")
    entry = zoo.find_entry(name)
    for row in (entry.front.rows[0], entry.front.rows[-1]):
        recipe, arch, flops = twins["scale_widths"](
            entry.recipe, row, entry.classes
        )
        family = recipe.make_family()
        assert family.space.size == 1
        assert family.space.largest == arch
        assert costs(family.plan(arch, entry.classes)).flops == flops
        assert 0.85 * row.flops < flops <= row.flops


def test_a_resized_network_is_the_largest_within_the_child():
    entry = zoo.find_entry("bignas")
    twins = load("twins")
    arguments = argparse.Namespace(epochs=1, steps_per_epoch=5)
    recipe = twins["alone_recipe"](entry.recipe, arguments)
    assert (recipe.epochs, recipe.steps_per_epoch) == (1, 5)
    assert not recipe.phases
    for row in (entry.front.rows[0], entry.front.rows[-1]):
        resized, arch, flops = twins["resize"](recipe, row, entry.classes)
        assert resized.initial == entry.recipe.initial
        assert resized.make_family().resolution == (arch.resolution,)
        assert arch.width == entry.family.space.largest.width
        assert flops <= row.flops
        higher = resized.replace(
            family_changes={"resolution": (arch.resolution + twins["PIXELS"],)}
        ).make_family()
        plan = higher.plan(higher.space.largest, entry.classes)
        assert costs(plan).flops > row.flops


def test_targets_are_compared_at_equal_multiply_adds():
    family, scored = zoo.find_entry("bignas_digits").family, []
    search = load("regression_free")["BandSearch"](20, 0.1, seed=0)

    def score(arch):
        scored.append(costs(family.plan(arch, 10)).flops)
        return scored[-1]

    [found] = search.search(family, 10, score, [Budget(flops=5e5)])
    assert len(scored) == 20
    assert 4.5e5 <= min(scored) < max(scored) <= 5e5
    assert found.costs.flops == max(scored)
    with pytest.raises(ValueError, match="band"):
        load("regression_free")["BandSearch"](20, 1e-9, seed=0).search(
            family, 10, score, [Budget(flops=5e5)]
        )


def test_distilled_twins_and_fine_tuned_children():
    entry = zoo.find_entry("bignas_digits")
    row, twins = entry.front.rows[0], load("twins")
    taught, arch, _ = twins["taught"](entry.recipe, row, entry.classes)
    assert (taught.objective, taught.label_weight) == ("supervised", 0.0)
    pair, same, flops = twins["pair"](entry.recipe, row, entry.classes)
    assert pair.objective == "in_place_distillation"
    assert arch == same == row.arch and flops == row.flops
    tuned = load("finetuned_children")["finetuning"](
        entry.recipe, "bignas_digits", 0.01, 25
    )
    rate = tuned.make_optimizer(steps_per_epoch=10)._learning_rate
    assert [float(rate(step)) for step in (0, 100, 249)] == pytest.approx(
        [0.01] * 3
    )
    assert (tuned.initial, tuned.epochs) == ("bignas_digits", 25)


@pytest.mark.exhaustive
def test_twins_are_trained_once(tmp_path, monkeypatch, capsys):
    flags = ["--entry=bignas_digits", "--epochs=1", f"--out={tmp_path}"]
    flags += ["--budgets", "2e5", "--kinds", "twin"]
    monkeypatch.setattr(sys, "argv", ["twins", *flags])
    load("twins")["main"]()
    first = capsys.readouterr().out
    assert first.startswith(str(tmp_path / "twin of 200e3, seed 0"))
    load("twins")["main"]()
    second = capsys.readouterr().out
    assert second and first.endswith(second)
    front = zoo.find_entry("bignas_digits").front
    row = front.best(Budget(flops=2e5), "the front")
    assert f"| 200e3 | {short(row.flops)} | {row.test_top1:.2%} |" in second


def test_a_folder_of_another_network_is_refused(tmp_path):
    remember = load("twins")["remember_architecture"]
    space = zoo.find_entry("bignas_digits").family.space
    remember(tmp_path, space.smallest)
    remember(tmp_path, space.smallest)
    with pytest.raises(ValueError, match="delete the folder"):
        remember(tmp_path, space.largest)


def test_several_accuracies_are_a_mean_and_a_range():
    spread = load("tables")["spread"]
    assert spread([0.5]) == "50.00%"
    assert spread([0.5, 0.52]) == "51.00% (50.00% to 52.00%)"


def rows_of(*rows):
    names = ("resolution", "flops", "held_out", "test")
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_held_out_images_choose_what_a_budget_gets():
    curve = load("mutual")["curve"]
    rows = rows_of((20, 1, 0.5, 0.4), (32, 2, 0.6, 0.5), (20, 2, 0.7, 0.3))
    assert curve(rows, [0.5, 1, 2])[1:] == [0.4, 0.3]
    assert np.isnan(curve(rows, [0.5])).all()


def test_us_net_has_the_largest_resolution_and_us_net_plus_all(
    tmp_path, capsys
):
    pytest.importorskip("matplotlib")
    mutual = load("mutual")
    taught = rows_of((20, 1, 0.6, 0.6), (32, 4, 0.9, 0.9))
    slimmed = rows_of((20, 1, 0.4, 0.5), (32, 4, 0.8, 0.8))
    measured = {
        (mutual["US_NET"], 0): slimmed,
        (mutual["MUTUAL"], 0): taught,
        (mutual["ALONE"], 0): slimmed[1:],
    }
    recipe = zoo.read_recipe(mutual["RECIPE"], {})
    mutual["report"](measured, recipe, 1, tmp_path)
    printed = capsys.readouterr().out
    assert "| budget | US-Net | MutualNet | US-Net+ |" in printed
    assert "| 1 | – | 60.00% | 50.00% |" in printed
    # Ten points at every budget.
    assert "mean +10.00 points" in printed
    assert "| MutualNet | 90.00% |" in printed
    assert (tmp_path / "mutual.png").stat().st_size > 1000


def test_a_folder_of_photos_has_as_many_of_each_class(tmp_path, capsys):
    benchmark = load("photo_folder")
    arguments = argparse.Namespace(
        dataset="digits", data_dir=None, classes=3, photos_per_class=7
    )
    benchmark["write_photos"](tmp_path, arguments)
    files = [len(list(folder.iterdir())) for folder in tmp_path.iterdir()]
    assert files == [7, 7, 7]


@pytest.mark.parametrize("way", ["finetune", "train"])
def test_photos_are_served_in_five_commands_or_fewer(way):
    benchmark = load("photo_folder")
    arguments = argparse.Namespace(epochs=2, seed=0)
    commands, _ = benchmark["WAYS"][way]("bignas", 5e7, arguments)
    # And the prediction.
    assert len(commands) + 1 <= 5
    parser = command_line.make_parser()
    for command in commands:
        assert parser.parse_args(command[3:]).run


KERAS_ELASTIC = """
from keras_elastic import command_line
raise SystemExit(command_line.main())
"""


def run_in_a_fork(command, folder):
    """As the benchmark runs a command, without its seconds of imports."""
    _, script, *arguments = command
    if script == "-m":
        script, arguments[:1] = "-c", [KERAS_ELASTIC]
    done = forked.run(script, *arguments, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


# CI runs a notebook that comes from photos to a served model, too.
@pytest.mark.exhaustive
# So few photos are that some classes have none held out.
@pytest.mark.filterwarnings("ignore:Of 3 classes")
def test_photos_are_served(monkeypatch, capsys):
    flags = ["--dataset=digits", "--classes=3", "--photos_per_class=12"]
    flags += ["--starts", "bignas_digits=2e5", "--epochs=1"]
    monkeypatch.setattr(sys, "argv", ["photo_folder", *flags])
    main = load("photo_folder")["main"]
    monkeypatch.setitem(main.__globals__, "run", run_in_a_fork)
    main()
    *_, row = capsys.readouterr().out.splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[0] == "bignas_digits" and {*cells[-2:]} <= {"0", "1", "2"}

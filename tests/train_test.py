import json
import os
import pathlib
import re
import shlex
import subprocess
import time
from unittest import mock

import forked
import keras
import numpy as np
import pytest
import script_runs
import tiny_runs
from PIL import Image

import keras_elastic
from keras_elastic import scratch
from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection.budget import short
from keras_elastic.selection.searches.query_table import configurations
from keras_elastic.training.phases import PhaseTrainer

BUDGETS = ("flops <= 130e3", "flops <= 250e3")
FILES = ("model.json", "recipe.json", "front.csv", "supernet.weights.h5")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "recipe.py"
    path.write_text(tiny_runs.SUPERNET)
    return path


@pytest.fixture(scope="module")
def flags(recipe, tmp_path_factory):
    """Flags of the run that the slow tests share."""
    folder = tmp_path_factory.mktemp("run") / "small"
    return (f"--recipe={recipe}", "--smoke", f"--run_dir={folder}")


@pytest.fixture(scope="module")
def run(flags):
    """The folder of that run."""
    return pathlib.Path(flags[-1].partition("=")[2])


@pytest.fixture(scope="module")
def killed(flags, run):
    """The run, killed after the first of two epochs."""
    process = script_runs.start("train.py", *flags)
    try:
        while not list((run / "training").glob("step-[1-9]*.npz")):
            assert process.poll() is None, "It ended without a checkpoint."
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
        process.close()
    return sorted(os.listdir(run))


@pytest.fixture(scope="module")
def finished(flags, killed):
    """What the same command printed when it was given again."""
    return script_runs.run("train.py", *flags)


@pytest.fixture(scope="module")
def again(flags, run, finished):
    """What the command printed a third time, which selects otherwise."""
    before = (run / "scores.jsonl").read_text()
    printed = script_runs.call_main(
        "train.py",
        *flags,
        *("--selection_images=12", "--mutants=3", "--budgets=200e3"),
    )
    assert (run / "scores.jsonl").read_text() == before
    return printed


def refuse(match, *flags):
    with pytest.raises(ValueError, match=match):
        script_runs.call_main("train.py", *flags)


# A run


@pytest.mark.slow
def test_a_killed_run_is_no_entry(killed):
    assert killed == [
        *("data.json", "data.json.sha256"),
        *("recipe.json", "recipe.json.sha256"),
        *("starts.jsonl", "training", "training.csv"),
    ]


@pytest.mark.slow
def test_a_killed_run_resumes(finished):
    assert "Epoch 1/2" not in finished
    assert "Epoch 2/2" in finished


@pytest.mark.slow
def test_every_epoch_is_logged_once(run, finished):
    lines = (run / "training.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "0", "1"]


@pytest.mark.slow
def test_every_start_is_logged(run, finished):
    starts = (run / "starts.jsonl").read_text().splitlines()
    for start in map(json.loads, starts[:2]):
        assert start["strategy"] == "none"
        assert start["versions"]["keras"]
        assert start["command"][1].startswith("--recipe=")


@pytest.mark.slow
def test_files_of_a_finished_run(run, finished):
    for name in FILES:
        assert (run / name).is_file()
    assert (run / "served" / "1" / "saved_model.pb").is_file()
    assert json.loads((run / "recipe.json").read_text())["epochs"] == 2


@pytest.mark.slow
def test_a_finished_run_is_an_entry(run, finished):
    entry = zoo.find_entry(run)
    assert entry.name == "small_smoke"
    assert entry.class_names == tuple("0123456789")
    assert entry.supernet().classes == 10
    for number, row in enumerate(entry.front.rows):
        assert entry.statistics(number)
        assert 0 <= row.test_top1 <= 1
    assert f"({number + 1} architectures)" in finished


@pytest.mark.slow
def test_prints_a_row_for_each_budget(finished):
    table = finished[finished.index("budget") :].splitlines()
    assert table[0].split() == [
        *("budget", "flops", "params", "resolution", "test", "top-1")
    ]
    for line, budget in zip(table[1:3], BUDGETS, strict=True):
        assert line.startswith(budget)
        assert re.fullmatch(
            r"[\d.]+e3 +[\d.]+e3 +\d+ +[\d.]+% ± [\d.]+%", line[18:].strip()
        )


@pytest.mark.slow
def test_says_which_child_is_served(run, finished):
    row = zoo.find_entry(run).front.best(Budget(flops=130e3), "small")
    assert (
        f"served/1: the child for {BUDGETS[0]}, of {short(row.flops)} flops "
        f"and {row.arch.resolution} pixels"
    ) in finished


@pytest.mark.slow
def test_says_how_long_it_takes_yet(finished):
    left = re.findall(r"^Time left: about \d+ (?:s|min)\b.*", finished, re.M)
    assert any("selection" in line and "test" in line for line in left)


@pytest.mark.slow
def test_the_command_that_it_prints_runs(finished):
    [line] = re.findall(r"keras-elastic search (.*)", finished)
    printed = script_runs.run("search.py", *shlex.split(line), "--mutants=1")
    assert "Selected: the best of" in printed


@pytest.mark.slow
def test_a_finished_run_is_not_trained_again(again):
    assert "Epoch" not in again


@pytest.mark.slow
def test_a_finished_run_is_exported_again(run, again):
    assert (run / "served" / "2" / "saved_model.pb").is_file()
    assert zoo.find_entry(run).front.rows


@pytest.mark.slow
def test_a_run_is_not_mixed_with_another(flags, run, finished):
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    refuse(
        "holds a run of another recipe: `learning_rate` is 0.03 there and 0.5 "
        "here; `seed` is 0 there and 7 here",
        *flags,
        "--seed=7",
        "--learning_rate=0.5",
    )
    after = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    assert after == before


@pytest.mark.slow
def test_a_finished_run_selects_otherwise(run, again):
    # On other images there are other scores, in a file of their own.
    assert len(list(run.glob("scores_*.jsonl"))) == 1
    assert zoo.find_entry(run).recipe.budgets == (200e3,)


@pytest.mark.slow
def test_a_run_is_that_of_one_process(flags, run, finished):
    with scratch.locked(run):
        refuse("in use: another process", *flags)


# Photos


@pytest.fixture
def photos(tmp_path):
    """A folder of 40 photos of two classes."""
    rng = np.random.default_rng(0)
    for number in range(40):
        folder = tmp_path / "photos" / ("cat" if number % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (9, 9, 3)).astype("uint8")
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photos"


def photo_flags(recipe, photos, *more):
    return (
        *(f"--recipe={recipe}", f"--dataset={photos}", "--smoke"),
        *("--batch_size=4", f"--run_dir={photos.parent / 'run'}", *more),
    )


def test_corrupt_files_are_named_before_anything_is_written(recipe, photos):
    for name in ("cat/1.png", "dog/2.png"):
        path = photos / name
        path.write_bytes(path.read_bytes()[:-30])
    flags = photo_flags(recipe, photos)
    refuse("2 that cannot be decoded: cat/1.png, dog/2.png", *flags)
    assert not (photos.parent / "run").exists()


class Killed(Exception):
    """Stands for a kill when the training begins."""


def begin(flags):
    """Runs the command up to its first step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PhaseTrainer, "train", mock.Mock(side_effect=Killed))
        with pytest.raises(Killed):
            script_runs.call_main("train.py", *flags)


def test_photos_that_are_added_are_not_mixed_in(recipe, photos):
    flags = photo_flags(recipe, photos)
    begin(flags)
    (photos / "cat" / "new.png").write_bytes(
        (photos / "cat" / "1.png").read_bytes()
    )
    refuse("begun on other data.*'cat'", *flags)
    (photos / "cat" / "new.png").unlink()
    # The run goes on with what it began with.
    begin(flags)
    (photos / "cat").rename(photos / "zebra")
    refuse("begun on other data.*other names", *flags)


# A family of a model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of a network of the digits."""
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    features = layers.Rescaling(1 / 255)(inputs)
    for number, filters in enumerate((16, 32)):
        features = layers.Conv2D(
            filters, 3, 1 + number, "same", name=f"conv_{number}"
        )(features)
        features = layers.BatchNormalization(name=f"norm_{number}")(features)
        features = layers.ReLU(name=f"relu_{number}")(features)
    features = layers.GlobalAveragePooling2D(name="pool")(features)
    path = tmp_path_factory.mktemp("model") / "mine.keras"
    keras.Model(inputs, layers.Dense(10, name="digit")(features)).save(path)
    return path


@pytest.mark.slow
def test_a_supernet_of_a_model(model, tmp_path):
    run = tmp_path / "run"
    flags = (f"--family=elastic:{model}", "--smoke", f"--run_dir={run}")
    printed = script_runs.run("train.py", *flags)
    assert f"Initial weights of {model}, whose head knows 10" in printed
    # The family is in the entry: the model is not needed any more.
    expected = keras_elastic.elastic(model, name="mine").family
    model.unlink()
    entry = zoo.find_entry(run)
    assert entry.name == "mine_digits_smoke"
    assert entry.family == expected
    child = keras_elastic.load(run, params=entry.front.rows[0].params)
    assert child.output_shape == (None, 10)


# Wrong flags


@pytest.mark.parametrize(
    "flag, expected",
    [
        ("--budgets=400e3,1e3", "meets flops <= 1e3; the architectures need"),
        ("--budgets=-5", "needs positive budgets"),
        ("--budgets=", "needs positive"),
        ("--budgets=many", "many"),
        ("--recipe=resnet50", "a name of the zoo.*Received: 'resnet50'"),
        ("--recipe=absent.py", "absent.py', which does not exist"),
        ("--family=resnet50", "Received: name='resnet50'"),
        ("--batch_size=5000", "batch_size=5000, but the split has 1293"),
        ("--batch_size=0", "positive .'batch_size'"),
        ("--epochs=-1", "positive .'epochs'"),
        ("--limit=1", "limit=1"),
        ("--augmentation=blur", "augmentation='blur'"),
        ("--objective=guess", "`objective` of the recipe.*objective='guess'"),
        ("--sampler=all", "`sampler` of the recipe 'small' must be one of"),
        ("--noupscale", "largest resolution of .*10, must not exceed"),
        ("--accumulation_steps=3", "times the `accumulation_steps`"),
        ("--teacher=absent.keras", "absent.keras', which does not exist"),
        ("--teacher=phase:one", "an earlier phase.*'phase:one'"),
        ("--drawn_from=absent", "`drawn_from` must be.*Received: 'absent'"),
        ("--drawn_from=absent.csv", "A front must be.*'absent.csv'"),
        ("--drawn_from=bignas", "another family"),
        ("--family=elastic:absent.keras", "that exists.*'absent.keras'"),
        ("--initial=keras.applications:VGG16", "'elastic:keras.appl.*VGG16'"),
        ("--skip_corrupt", "skip_corrupt"),
        ("--jit_compile --mode=sliced", "supernet of mode 'sliced'"),
        ("--data_dir=absent", "`data_dir` must be an existing directory"),
        ("unexpected", "Unknown arguments: .'unexpected'"),
        ("--ema_momentum=nan", "`ema_momentum`.*finite"),
        ("--mutants=-1", "`mutants` of the recipe"),
        ("--steps_per_epoch=-1", "`steps_per_epoch`"),
        ("--objective=ensemble_bootstrapping", "`ema_momentum`"),
        ("--batch_size=63 --mixup=0.2", "must be even"),
        ("--tpu=mine", "--tpu is of --strategy=tpu"),
    ],
)
def test_wrong_flags_write_nothing(recipe, tmp_path, flag, expected):
    run = tmp_path / "run"
    refuse(expected, f"--recipe={recipe}", f"--run_dir={run}", *flag.split())
    assert not run.exists()


def test_an_unknown_data_set_writes_nothing(tmp_path):
    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    refuse(
        "one of: 'digits'.*Received: name='my_photos'",
        "--dataset=my_photos",
        f"--data_dir={data}",
        f"--run_dir={run}",
    )
    assert not run.exists()


def test_a_recipe_file_without_a_recipe(tmp_path):
    path = tmp_path / "recipe.py"
    path.write_text("recipe = 3\n")
    refuse("must assign a `Recipe` to `recipe`", f"--recipe={path}")


@pytest.mark.slow
def test_an_error_is_one_line_and_no_traceback(tmp_path):
    script = script_runs.ROOT / "train.py"
    result = forked.run(script, "--recipe=resnet50", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("error: The recipe must")
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.exhaustive
def test_a_backend_after_a_space(tmp_path):
    pytest.importorskip("torch")
    flags = ("--backend", "torch", "--strategy=mirrored")
    result = subprocess.run(
        script_runs.command("train.py", *flags),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "error: With --backend=torch training runs on one" in result.stderr


@pytest.mark.parametrize("below", ["", "/below", "/below/further"])
def test_a_file_where_the_run_should_be(recipe, tmp_path, below):
    (tmp_path / "file").touch()
    path = f"{tmp_path / 'file'}{below}"
    with pytest.raises(OSError, match="file") as error:
        script_runs.call_main(
            "train.py", f"--recipe={recipe}", f"--run_dir={path}"
        )
    assert "\n" not in str(error.value)


@pytest.mark.exhaustive
def test_a_mutual_run_writes_its_whole_query_table(recipe, tmp_path):
    printed = script_runs.call_main(
        "train.py",
        f"--recipe={recipe}",
        "--smoke",
        "--sampler=mutual",
        "--evaluation_crop=0.875",
        f"--run_dir={tmp_path}",
    )
    entry = zoo.find_entry(tmp_path)
    rows = (tmp_path / "query_table.csv").read_text().splitlines()[1:]
    assert len(rows) == len(configurations(entry.family.space))
    assert "Kendall's tau" in printed
    assert entry.preparation.to_dict() == {
        "crop_fraction": 0.875,
        "patch_size": 8,
    }

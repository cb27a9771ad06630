import json
import re
import shutil

import contracts
import keras
import numpy as np
import pytest
import script_runs
import tensorflow as tf
from selection.latency.latency_fakes import CALL
from selection.latency.latency_fakes import FakeRuntime
from selection.latency.latency_fakes import work

import keras_elastic
from keras_elastic import data
from keras_elastic import families
from keras_elastic.calibration import SubnetCalibrator
from keras_elastic.calibration import is_calibrated
from keras_elastic.models import Supernet
from keras_elastic.models import build_child
from keras_elastic.selection import Front
from keras_elastic.selection import FrontRow
from keras_elastic.selection import LatencyTable
from keras_elastic.selection.latency import runtimes
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs
from keras_elastic.training import Recipe
from keras_elastic.zoo.writing import write_entry
from keras_elastic.zoo.writing import write_model

FAMILY = families.get(
    "bignas_digits",
    resolution=(8, 10),
    stages=(
        families.efficientnet.Stage((12, 16), (1,), expand_ratio=(1,)),
        families.efficientnet.Stage((16, 24), (1, 2), (3, 5), (4,), 2),
    ),
)
RECIPE = Recipe(
    name="small",
    family="bignas_digits",
    dataset="digits",
    patch_size=8,
    batch_size=64,
    epochs=1,
    learning_rate=0.1,
    budgets=(1e6,),
)
DIGITS = tuple("0123456789")
FLOPS = 130e3


def write_run(folder, class_names=DIGITS):
    """A run as `train.py` leaves it, with random weights."""
    supernet = Supernet(FAMILY, len(class_names))
    contracts.randomize(supernet)
    arch = FAMILY.space.smallest
    row = FrontRow(
        arch, *costs(FAMILY.plan(arch, len(class_names))), 0.1, 2.3, 0.1
    )
    images = contracts.random_images(8, 8)
    write_entry(
        folder,
        name="small",
        supernet=supernet,
        class_names=class_names,
        recipe=RECIPE,
        front=Front([row]),
        statistics=[SubnetCalibrator(supernet).measure(arch, images)],
    )
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("search") / "run")


@pytest.fixture(scope="module")
def out(run):
    return run.parent / "child"


@pytest.fixture(scope="module")
def printed(run, out):
    flags = (f"--run={run}", f"--flops={FLOPS}", "--mutants=2", f"--out={out}")
    return script_runs.call_main("search.py", *flags)


@pytest.fixture
def unserved(monkeypatch):
    """Leaves out the export, which is the same for every search."""
    monkeypatch.setattr(
        keras_elastic.export, "saved_model", lambda model, *where: where
    )


def refuse(match, *flags):
    with pytest.raises(ValueError, match=match):
        script_runs.call_main("search.py", *flags)


# A search


@pytest.mark.slow
def test_prints_the_selection(printed):
    assert "Selected: the best of" in printed
    assert f"candidates with flops <= {FLOPS / 1e3:.0f}e3." in printed
    assert "held-out top-1" in printed
    assert "test top-1" in printed


@pytest.mark.slow
def test_the_architecture_is_within_the_budget(out, printed):
    text = (out / "architecture.json").read_text()
    arch = Architecture.from_json(text)
    assert costs(FAMILY.plan(arch, 10)).flops <= FLOPS
    assert text.strip() in printed
    assert json.loads(text) == arch.to_dict()


@pytest.mark.slow
def test_the_model_reloads_and_is_the_one_that_is_served(out, printed):
    model = keras.saving.load_model(out / "model.keras")
    arch = Architecture.from_json((out / "architecture.json").read_text())
    size = arch.resolution
    assert model.input_shape == (None, size, size, 3)
    assert is_calibrated(model)
    images = contracts.random_images(3, size)
    served = tf.saved_model.load(str(out / "served" / "1"))
    logits = served.signatures["serve_tensors"](images=images)["logits"]
    np.testing.assert_allclose(
        model.predict(images, verbose=0), logits, rtol=1e-4, atol=1e-4
    )


@pytest.mark.slow
def test_the_front_is_written_and_drawn(out, printed):
    front = Front.read(out / "front.csv", FAMILY, 10)
    arch = Architecture.from_json((out / "architecture.json").read_text())
    best = max(row.held_out_top1 for row in front.rows)
    assert all(row.held_out_top1 <= best for row in front.rows)
    assert FAMILY.space.contains(arch)
    assert (out / "front.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_scores_are_kept_and_not_made_again(run, printed, unserved, tmp_path):
    scores = (run / "scores.jsonl").read_text()
    again = script_runs.call_main(
        "search.py",
        f"--run={run}",
        f"--flops={FLOPS}",
        "--mutants=2",
        f"--out={tmp_path}",
    )
    count = len(scores.splitlines()) - 1
    assert f"{count} architectures were scored before." in again
    assert (run / "scores.jsonl").read_text() == scores


@pytest.mark.slow
@pytest.mark.parametrize(
    "search, samples",
    [
        pytest.param("evolution", 0, marks=pytest.mark.exhaustive),
        pytest.param("nsga2", 0, marks=pytest.mark.exhaustive),
        # A test below looks at its table.
        pytest.param("query_table", 0, marks=pytest.mark.exhaustive),
        pytest.param("slimming", 0, marks=pytest.mark.exhaustive),
        # A search of random architectures by a predictor, which is reported.
        ("random", 20),
    ],
)
def test_every_search_selects_within_the_budget(
    run, printed, unserved, tmp_path, search, samples
):
    text = script_runs.call_main(
        "search.py",
        f"--run={run}",
        f"--flops={FLOPS}",
        f"--search={search}",
        "--candidates=20" if samples else "--candidates=10",
        f"--predictor_samples={samples}",
        f"--out={tmp_path}",
    )
    assert ("Kendall's tau" in text) == bool(samples)
    text = (tmp_path / "architecture.json").read_text()
    arch = Architecture.from_json(text)
    assert costs(FAMILY.plan(arch, 10)).flops <= FLOPS


@pytest.mark.slow
def test_a_reference_gets_a_report_of_flips(run, unserved, tmp_path):
    reference = tmp_path / "reference.json"
    reference.write_text(FAMILY.space.smallest.to_json())
    text = script_runs.call_main(
        "search.py",
        f"--run={run}",
        "--flops=300e3",
        "--search=random",
        "--candidates=5",
        f"--reference={reference}",
        "--nfr_weight=2",
        f"--out={tmp_path / 'child'}",
    )
    assert "negative flips from (rows) to (columns)" in text
    assert (tmp_path / "child" / "flips.csv").is_file()


@pytest.mark.slow
def test_predictions_of_any_model_are_a_reference(run, unserved, tmp_path):
    dataset = data.load_dataset("digits")
    right = {
        split: np.concatenate([np.asarray(labels) for _, labels in batches])
        for split in ("held_out", "test")
        for batches in [
            data.evaluation_batches(
                getattr(dataset, split), batch_size=100, patch_size=8
            )
        ]
    }
    reference = tmp_path / "deployed.npz"
    np.savez(reference, **right)
    text = script_runs.call_main(
        "search.py",
        f"--run={run}",
        "--flops=300e3",
        "--search=random",
        "--candidates=5",
        "--reward=R2",
        "--lambda1=0.5",
        "--unconstrained",
        f"--reference={reference}",
        f"--out={tmp_path / 'child'}",
    )
    assert "On the test split" in text
    # The reference makes no mistake.
    assert "reference   100.00" in text
    held_out = right["held_out"]
    np.savez(reference, held_out=held_out[:-1])
    refuse(f"each of the {len(held_out)}", f"--run={run}", *again(reference))
    np.savez(reference, held_out=(held_out + 1) % 10)
    refuse("more often than chance", f"--run={run}", *again(reference))


def again(reference):
    return ("--flops=300e3", f"--reference={reference}")


# A table of this machine


@pytest.fixture
def device(monkeypatch):
    """A device whose latencies are known takes the place of this machine."""
    fake = FakeRuntime()
    monkeypatch.setitem(runtimes.RUNTIMES, "tensorflow", lambda threads: fake)
    return fake


@pytest.mark.slow
def test_a_table_of_this_machine_is_made(run, tmp_path, device):
    path = tmp_path / "here.json"
    printed = script_runs.call_main(
        "search.py", f"--run={run}", f"--measure={path}"
    )
    table = LatencyTable.load(path, FAMILY)
    assert f"--latency_table={path}" in printed
    # A bound that it names can be met: nothing else was done.
    [bound] = re.findall(r"--latency_ms=(\S+)", printed)
    assert table.predict(FAMILY.space.smallest) <= float(bound)
    assert not (run / "children").exists()
    timed = len(device.timed)
    script_runs.call_main("search.py", f"--run={run}", f"--measure={path}")
    assert len(device.timed) == timed


@pytest.mark.slow
def test_a_search_within_a_latency(run, printed, tmp_path, device):
    bound = 1.2 * truth(FAMILY.space.smallest)
    out = tmp_path / "child"
    shown = script_runs.call_main(
        "search.py",
        f"--run={run}",
        "--measure",
        f"--latency_ms={bound}",
        "--mutants=2",
        f"--out={out}",
    )
    table = LatencyTable.load(run / "latency.json", FAMILY)
    arch = Architecture.from_json((out / "architecture.json").read_text())
    assert table.predict(arch) <= bound
    assert "latency in ms <=" in shown
    refuse(
        "smallest needs",
        f"--run={run}",
        "--latency_ms=0.001",
        f"--latency_table={run / 'latency.json'}",
    )


def truth(arch):
    return CALL + work(build_child(FAMILY.plan(arch, len(DIGITS))))


# Wrong flags


@pytest.mark.parametrize(
    "flag, expected",
    [
        ("--flops=1", "meets flops <= 1; the architectures need flops from"),
        ("--params=-1", "`params` must be a positive number"),
        ("--resolution=9", r"Its resolutions are \(8, 10\)"),
        ("--data_dir=absent", "`data_dir` must be an existing directory"),
        ("--run=absent", "a name of the zoo.*Received: 'absent'"),
        ("unexpected", "Unknown arguments: .'unexpected'"),
        ("--latency_ms=3", "--latency_table=FILE or --measure"),
        ("--measure --latency_table=a", "--measure makes a"),
        ("--latency_table=absent.json --latency_ms=3", "absent.json"),
        ("--reference=absent.json", "`reference` must be a file"),
        (
            "--reference=a.json --predictor_samples=20",
            "--predictor_samples must be 0 with --reference.*=20.*=a.json",
        ),
        ("--reward=R1", "--reward need --reference"),
        ("--unconstrained", "--unconstrained need --reference"),
        ("--lambda1=2 --nfr_weight=3", "--lambda1 and --nfr_weight need"),
        ("--reference=a.json --reward=R1 --lambda1=2", "need --reward=R2"),
        ("--reference=a.json --lambda1=nan", "--lambda1 must be a finite"),
    ],
)
def test_wrong_flags_write_nothing(run, tmp_path, flag, expected):
    out = tmp_path / "child"
    refuse("(?s)" + expected, f"--run={run}", f"--out={out}", *flag.split())
    assert not out.exists()
    assert not (run / "children").exists()


def test_a_reference_of_another_space(run, tmp_path):
    reference = tmp_path / "reference.json"
    other = families.get("bignas").space.smallest
    reference.write_text(other.to_json())
    refuse("of another family", f"--run={run}", f"--reference={reference}")


def test_a_run_that_was_not_finished(tmp_path):
    (tmp_path / "recipe.json").write_text(RECIPE.to_json())
    refuse("must be a run or a zoo entry", f"--run={tmp_path}")


def test_a_run_without_weights(tmp_path):
    write_model(
        tmp_path,
        name="new",
        family=FAMILY,
        dataset="digits",
        class_names=DIGITS,
    )
    refuse("no trained weights yet.*--recipe=new", f"--run={tmp_path}")


@pytest.mark.parametrize("name", ["supernet.weights.h5", "recipe.json"])
def test_a_damaged_run(run, tmp_path, name):
    copy = shutil.copytree(run, tmp_path / "run")
    (copy / name).write_text("damaged")
    refuse(f"The file {name} is damaged", f"--run={copy}")


def test_a_run_of_other_classes(tmp_path):
    run = write_run(tmp_path / "run", class_names=("cat", "dog"))
    refuse(r"2 classes \(cat, dog\).*10 classes \(0, 1, 2", f"--run={run}")


@pytest.mark.slow
def test_resolutions_that_were_not_trained_are_in_the_query_table(tmp_path):
    run, out = write_run(tmp_path / "run"), tmp_path / "child"
    script_runs.call_main(
        "search.py",
        f"--run={run}",
        f"--flops={FLOPS}",
        "--search=query_table",
        "--more_resolutions=9",
        "--more_resolutions=12",
        f"--out={out}",
    )
    lines = (out / "query_table.csv").read_text().splitlines()
    place = lines[0].split(",").index("resolution")
    found = [int(line.split(",")[place]) for line in lines[1:]]
    assert set(found) == {8, 9, 10, 12}
    # Also those beyond the budget, and those that others beat.
    assert len(found) == 4 * 2

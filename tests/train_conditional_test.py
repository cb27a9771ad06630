"""`train.py` with the recipes of conditional models, from end to end.

Tests of `conditional/results.py`, `conditional/basisnet/run.py` and
`conditional/dsnet/run.py`, too.
"""

import csv
import functools

import keras
import numpy as np
import pytest
import script_runs
import tensorflow as tf
import tiny_runs

from keras_elastic import data
from keras_elastic import zoo

# With what else a recipe of a BasisNet can say.
BASISNET = (
    tiny_runs.BASISNET.removesuffix(")\n")
    + "    basis_dropout=0.1,\n    preheat_epochs=1.0,\n)\n"
)


class Run:
    """A run of a recipe, and what the same command does then."""

    def __init__(self, folder, text):
        folder.mkdir()
        (folder / "recipe.py").write_text(text)
        self.folder = folder / "run"
        self.flags = (
            f"--recipe={folder / 'recipe.py'}",
            f"--run_dir={self.folder}",
            "--smoke",
        )
        self.first = script_runs.call_main("train.py", *self.flags)

    @functools.cached_property
    def second(self):
        return script_runs.call_main("train.py", *self.flags)

    def results(self):
        with open(self.folder / "results.csv") as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def basisnet(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("basisnet") / "one", BASISNET)


@pytest.fixture(scope="module")
def dsnet(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("dsnet") / "one", tiny_runs.DSNET)


def table_of(printed):
    """What a run printed after its training."""
    return printed[printed.rindex("top-1") :]


def check_served(folder, size, file="model.keras"):
    """The exported model gives the probabilities of the Keras model."""
    model = keras.saving.load_model(folder / file)
    served = tf.saved_model.load(str(folder / "served" / "1"))
    images = next(
        iter(
            data.evaluation_batches(
                data.load_dataset("digits").test, batch_size=7, patch_size=size
            )
        )
    )[0]
    pixels = tf.image.resize(tf.cast(images, "float32"), (size, size))
    outputs = served.signatures["serve_tensors"](images=pixels)
    np.testing.assert_allclose(outputs["logits"], model(pixels), atol=1e-4)


def names_in(folder):
    """Names of what a run has left, without digests."""
    paths = [p for p in folder.iterdir() if p.suffix != ".sha256"]
    return {path.name for path in paths}


@pytest.mark.slow
def test_a_basisnet_leaves_its_files(basisnet):
    names = names_in(basisnet.folder)
    assert names == {
        *("recipe.json", "data.json", "starts.jsonl"),
        *("training", "basisnet.csv"),
        *("model.keras", "early_exit.csv", "results.csv", "served"),
        *("early_exit.png", "coefficients.csv", "coefficients.png"),
        *("model.json", "front.csv"),
    }


@pytest.mark.slow
def test_a_basisnet_reports_its_exits(basisnet):
    rows = basisnet.results()
    assert rows[0]["exit"] == "none" and float(rows[0]["exits"]) == 0
    assert rows[-1]["exit"] == "all images" and float(rows[-1]["exits"]) == 1
    assert len(rows) == 6
    flops = [float(row["flops"]) for row in rows]
    assert min(flops) == flops[-1] and max(flops) == flops[0]
    for row in rows:
        assert f"{float(row['test_top1']):.2%}" in basisnet.first


@pytest.mark.slow
def test_a_basisnet_is_exported(basisnet):
    check_served(basisnet.folder, 12)


@pytest.mark.exhaustive
def test_a_condconv_net_is_trained_and_exported(tmp_path):
    run = Run(tmp_path / "one", tiny_runs.CONDCONV)
    assert names_in(run.folder) == {
        *("recipe.json", "data.json", "starts.jsonl", "training"),
        *("condconv.csv", "model.keras", "results.csv", "served"),
    }
    [row] = run.results()
    assert f"{float(row['test_top1']):.2%}" in run.first
    check_served(run.folder, 16)


@pytest.mark.slow
def test_a_dsnet_leaves_its_files(dsnet):
    names = names_in(dsnet.folder)
    # A smoke run has gates for the first window only.
    assert names == {
        *("recipe.json", "data.json", "starts.jsonl"),
        *("training", "training.csv"),
        *("gates_S.csv", "results.csv", "S"),
        *("model_S.keras", "model.json", "front.csv"),
    }


@pytest.mark.slow
def test_a_dsnet_is_compared_with_its_widths(dsnet):
    rows = dsnet.results()
    names = [row["network"] for row in rows]
    assert names == [*(f"width {n}" for n in range(3)), "DS-Net S"]
    flops = [float(row["flops"]) for row in rows]
    assert flops[:3] == sorted(flops[:3])
    # "S" chooses from the narrowest two.
    assert flops[0] <= flops[3] <= flops[1]


@pytest.mark.slow
def test_a_dsnet_is_exported(dsnet):
    check_served(dsnet.folder / "S", 16, "../model_S.keras")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["basisnet", "dsnet"])
def test_a_run_is_an_entry(kind, request):
    run = request.getfixturevalue(kind)
    entry = zoo.find_entry(run.folder)
    assert entry.kind == kind and entry.classes == 10
    row = entry.front.rows[0]
    model = zoo.load(run.folder, flops=row.flops)
    images = np.zeros((2, *model.input_shape[1:]), "float32")
    assert model(images).shape == (2, 10)
    # What it was measured with is what it reports.
    tops = [float(row["test_top1"]) for row in run.results()]
    assert row.test_top1 == pytest.approx(tops[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [pytest.param("basisnet", marks=pytest.mark.exhaustive), "dsnet"]
)
def test_a_finished_run_is_not_trained_again(kind, request):
    run = request.getfixturevalue(kind)
    assert "Epoch 2/2" in run.first and "Epoch" not in run.second
    # But exported again, as a new version.
    expected = table_of(run.first).replace("served/1", "served/2")
    assert table_of(run.second) == expected


@pytest.mark.parametrize(
    "recipe,flag,message",
    [
        (BASISNET, "--mutants=3", "of kind 'basisnet', has no.*mutants"),
        (BASISNET, "--validate_every=1", "has no use for .'validate_every'"),
        (tiny_runs.DSNET, "--compare", "has no use for .'compare'"),
        (
            tiny_runs.DSNET,
            "--num_bases=4",
            "of kind 'dsnet', has no.*num_bases",
        ),
        (BASISNET, "--last_basis_block=40", "`basis_blocks`.*40"),
        (BASISNET, "--num_bases=0", "num_bases"),
        (BASISNET, "--budgets=-1", "positive budgets"),
        (tiny_runs.DSNET, "--windows=XL", "`windows`"),
        (tiny_runs.DSNET, "--family=bignas_digits", "must have gates"),
    ],
)
def test_wrong_flags_write_nothing(tmp_path, recipe, flag, message):
    path = tmp_path / "recipe.py"
    path.write_text(recipe)
    run = tmp_path / "run"
    with pytest.raises(ValueError, match=message):
        script_runs.call_main(
            "train.py", f"--recipe={path}", f"--run_dir={run}", flag
        )
    assert not run.exists()

import json

import colors
import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic import command_line
from keras_elastic.data import packed

NAME = "bignas_digits"
DATA = "colors.npz"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A packed data set of colors, a model that names them, and another."""
    folder = tmp_path_factory.mktemp("colors")
    images = colors.split([0, 1, 2] * 4)
    held = np.arange(12) % 6 == 0
    dataset = ke.data.ImageDataset(
        "colors",
        colors.NAMES,
        ke.data.ArraySplit(images.images[~held], images.labels[~held]),
        ke.data.ArraySplit(images.images[held], images.labels[held]),
        colors.split([0, 1, 2, 0, 1], [0, 1, 0, 0, 2]),
        held_out_places=held,
    )
    packed.save(dataset, folder / DATA)
    colors.model().save(folder / "right.keras")
    colors.model(order=(1, 0, 2)).save(folder / "wrong.keras")
    ke.save_preset(colors.model(), folder / "preset")
    return folder


def run(capsys, folder, model, *arguments):
    """Returns the exit status and what was printed of the command."""
    given = [f"--dataset={folder / DATA}", *arguments]
    status = command_line.main(["evaluate", str(model), *given])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("name", ["right.keras", "preset"])
def test_a_file_and_a_preset(capsys, folder, tmp_path, name):
    out = tmp_path / "report"
    status, printed, _ = run(capsys, folder, folder / name, f"--out={out}")
    assert status == 0
    assert "60.00 %" in printed and f"Wrote {out}" in printed
    written = json.loads((out / "report.json").read_text("utf-8"))
    assert written["accuracy_by_class"]["green"] == 0.5


def test_against_another_file(capsys, folder):
    status, printed, _ = run(
        capsys,
        folder,
        folder / "right.keras",
        f"--against={folder / 'wrong.keras'}",
    )
    assert status == 0
    assert "negative flips" in printed and "--out=DIR" in printed


def test_an_entry_on_what_it_was_trained_on(capsys):
    status = command_line.main(["evaluate", NAME, "--flops=3e5"])
    printed = capsys.readouterr().out
    assert status == 0
    assert f"{NAME} on digits, test: 360 images of 10 classes" in printed
    assert "top-5" in printed


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["nothing"], "a name of the zoo"),
        (["no.keras"], "does not exist"),
        ([NAME, "--against_flops=1e6"], "Pass --against"),
        ([NAME, "--dataset=no_set"], "no_set"),
        (["{folder}/right.keras"], "--dataset must be given"),
        (["{folder}/preset"], "--dataset must be given"),
        (["{folder}/right.keras", "--flops=1e6"], "nothing to choose"),
        (["{folder}/bad.keras"], "Keras reads"),
        (["{folder}/right.keras", "--dataset=digits"], "10 classes"),
        (["{folder}/right.keras", "--dataset={folder}/empty"], "empty"),
    ],
)
def test_wrong_input_is_said_in_a_line(capsys, folder, arguments, words):
    (folder / "bad.keras").write_bytes(b"no file of Keras")
    (folder / "empty").mkdir(exist_ok=True)
    given = [text.format(folder=folder) for text in arguments]
    status = command_line.main(["evaluate", *given])
    captured = capsys.readouterr()
    assert (status, captured.out) == (1, "")
    assert captured.err.startswith("error: ") and words in captured.err

import csv
import inspect
import shutil

import command_runs
import conditional_entries
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from training.tiny_classifier import make_classifier

import keras_elastic as ke
from keras_elastic import command_line
from keras_elastic.commands import finetune
from keras_elastic.training import checkpoints
from keras_elastic.training import finetuning_run
from keras_elastic.training.guard import TrainingLost

COLORS = {"blue": (40, 40, 220), "green": (40, 220, 40), "red": (220, 40, 40)}
SHORT = (
    *("--epochs=2", "--head_epochs=1", "--batch_size=8"),
    *("--learning_rate=0.1", "--head_learning_rate=1"),
)
# Of so few photos a class may have none held out.
pytestmark = pytest.mark.filterwarnings("ignore:Of 3 classes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of photos of colors, and a preset to begin with."""
    folder = tmp_path_factory.mktemp("finetune")
    rng = np.random.default_rng(0)
    for name, color in COLORS.items():
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(16):
            noise = rng.integers(-30, 31, (9, 12, 3))
            photo = Image.fromarray((noise + color).astype("uint8"))
            photo.save(folder / "photos" / name / f"{number}.png")
    ke.save_preset(make_classifier(), folder / "start")
    return folder


def command(folder, out, *more):
    """The arguments of a fine-tuning of few epochs."""
    photos = f"--dataset={folder / 'photos'}"
    return ("finetune", folder / "start", photos, f"--out={out}", *SHORT, *more)


@pytest.fixture(scope="module")
def finished(folder):
    out = folder / "finished"
    assert command_line.main([str(a) for a in command(folder, out)]) == 0
    return out


def weights_of(folder):
    return ke.load(folder).get_weights()


def contents(folder):
    """What the files below a folder hold."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# What it writes


def test_the_defaults_are_those_of_the_library():
    known = inspect.signature(ke.finetune_recipe).parameters
    mine = {name: option[1] for name, option in finetune.RECIPE.items()}
    assert mine == {name: known[name].default for name in mine}
    assert {*known} - {*mine} == {"model", "head"}


def test_a_preset_with_names_and_measured_statistics(folder, finished):
    model = ke.load(finished)
    assert model.class_names == tuple(COLORS)
    assert ke.is_calibrated(model)
    before = ke.load(folder / "start").get_layer("norm").moving_mean
    assert not np.allclose(model.get_layer("norm").moving_mean, before)


def test_held_out_accuracy_is_followed(finished):
    with open(finished / "training.csv", newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["epoch"] for line in lines] == ["0", "1", "2"]
    assert all(0 <= float(line["val_accuracy"]) <= 1 for line in lines)


def test_the_card_says_how_good_it_is(finished):
    card = (finished / "README.md").read_text("utf-8")
    assert "test top-1" in card and "held-out top-1" in card
    assert "photos" in card and str(finished.parent) not in card


def test_no_checkpoints_are_left(finished):
    assert not (finished / finetune.TRAINING).exists()


def test_other_commands_take_it(capsys, folder, finished):
    data = f"--dataset={folder / 'photos'}"
    status, out, _ = command_runs.run(capsys, "evaluate", finished, data)
    assert status == 0 and "100.00 %" in out
    exported = folder / "exported"
    status, *_ = command_runs.run(
        capsys, "load", finished, f"--export={exported}", "--format=keras"
    )
    assert status == 0 and list(exported.iterdir())


def test_the_saved_model_answers_with_names(capsys, folder, finished):
    served = folder / "served"
    command_runs.run(capsys, "load", finished, f"--export={served}")
    serve = tf.saved_model.load(served / "1").signatures["serve_bytes"]
    for name in COLORS:
        photo = (folder / "photos" / name / "0.png").read_bytes()
        answer = serve(images=tf.constant([photo]))
        assert answer["top_classes"].numpy()[0, 0].decode() == name


def test_one_that_is_finished_is_left_alone(capsys, folder, finished):
    before = contents(finished)
    status, out, _ = command_runs.run(capsys, *command(folder, finished))
    assert status == 0 and "is finished" in out
    assert contents(finished) == before


def test_a_name_of_the_zoo_and_a_budget(capsys, tmp_path, monkeypatch):
    """As they are given to the training, which is left out."""
    monkeypatch.setattr(
        ke.training.FineTuningRecipe, "measure", lambda *arguments: None
    )
    trained = []
    monkeypatch.setattr(
        finetuning_run,
        "train_stages",
        lambda recipe, model, *arguments, **more: trained.append(model),
    )
    status, _, err = command_runs.run(
        capsys,
        *("finetune", "bignas_digits", "--flops=2e5", "--dataset=digits"),
        f"--out={tmp_path / 'out'}",
    )
    assert status == 0, err
    [model] = trained
    chosen = ke.select("bignas_digits", flops=2e5)
    assert model.input_shape[1] == chosen.arch.resolution
    assert ke.load(tmp_path / "out").class_names == tuple("0123456789")


# What goes on


class Killed(BaseException):
    """As a kill: nothing catches it."""


def kill_after(count, monkeypatch, arguments):
    """Runs a command until so many epochs are saved; says which are, later."""
    save, saved = checkpoints.Checkpoints.save, []

    def saving(self, step):
        save(self, step)
        saved.append(step)
        if len(saved) == count:
            raise Killed

    monkeypatch.setattr(checkpoints.Checkpoints, "save", saving)
    with pytest.raises(Killed):
        command_line.main([str(a) for a in arguments])
    return saved


def assert_same_weights(out, other):
    pairs = zip(weights_of(out), weights_of(other), strict=True)
    for one, another in pairs:
        np.testing.assert_array_equal(one, another)


def test_one_that_was_killed_goes_on(capsys, folder, finished, monkeypatch):
    """In the second stage, after the first of its epochs."""
    out = folder / "killed"
    saved = kill_after(2, monkeypatch, command(folder, out))
    assert not (out / "preset.json").exists()
    assert command_runs.run(capsys, *command(folder, out))[0] == 0
    assert saved == [1, 1, 2]
    assert_same_weights(out, finished)
    log = (out / "training.csv").read_text("utf-8")
    assert log == (finished / "training.csv").read_text("utf-8")


def test_one_of_other_options_or_photos_is_refused(
    capsys, folder, tmp_path, monkeypatch
):
    def stop(*arguments, **more):
        raise Killed

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(finetuning_run, "train_stages", stop)
        with pytest.raises(Killed):
            command_line.main([str(a) for a in command(folder, out)])
    before = contents(out)
    status, _, err = command_runs.run(
        capsys, *command(folder, out, "--augmentation=shift")
    )
    assert status == 1 and "`augmentation` is 'none' there" in err
    photos = tmp_path / "photos"
    shutil.copytree(folder / "photos", photos)
    (photos / "red" / "0.png").rename(photos / "red" / "other.png")
    status, _, err = command_runs.run(
        capsys, *command(folder, out, f"--dataset={photos}")
    )
    assert status == 1 and "other data" in err
    assert contents(out) == before


# What it refuses


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["nothing"], "a name of the zoo"),
        (["bignas_digits", "--flops=10"], "Raise the budget"),
        (["bignas_digits", "--flops=nan"], "--flops"),
        (["{folder}/start", "--flops=1e6"], "nothing to choose"),
        (["{folder}/start", "--epochs=0"], "epochs"),
        (["{folder}/start", "--head_epochs=-1"], "head_epochs"),
        (["{folder}/start", "--epochs=2", "--head_epochs=3"], "head_epochs"),
        (["{folder}/start", "--batch_size=0"], "batch_size"),
        (["{folder}/start", "--batch_size=999"], "batch_size"),
        (["{folder}/start", "--learning_rate=nan"], "learning_rate"),
        (["{folder}/start", "--augmentation=blur"], "augmentation"),
        (["{folder}/start", "--statistics=new"], "statistics"),
        (["{folder}/start", "--seed=-1"], "seed"),
        (["{folder}/start", "--dataset={folder}/empty"], "empty"),
        (["{folder}/start", "--dataset={folder}/one"], "one"),
        (["{folder}/start", "--dataset=no_set", "--data_dir=."], "no_set"),
        (["{folder}/start", "--dataset={folder}/broken"], "0.png"),
        (["{folder}/start", "--out={folder}/photos"], "--out"),
        (["{folder}/start", "--out={folder}/start"], "--out"),
        (["{folder}/start", "--out={folder}/start/preset.json"], "out"),
        (["{folder}/start", "--out=hf://user/name"], "--out"),
    ],
)
def test_wrong_input_is_said_before_any_work(
    capsys, folder, tmp_path, arguments, words
):
    (folder / "empty").mkdir(exist_ok=True)
    if not (folder / "one").exists():
        shutil.copytree(folder / "photos" / "red", folder / "one" / "red")
        shutil.copytree(folder / "photos", folder / "broken")
        (folder / "broken" / "red" / "0.png").write_bytes(b"no image")
    before = contents(folder)
    given = [text.format(folder=folder) for text in arguments]
    out = tmp_path / "out"
    data = f"--dataset={folder / 'photos'}"
    status, _, err = command_runs.run(
        capsys, "finetune", given[0], data, f"--out={out}", *given[1:]
    )
    assert status == 1
    assert err.startswith("error: ") and words in err
    assert not out.exists() and contents(folder) == before


def test_a_training_that_is_lost_says_so(capsys, folder, tmp_path, monkeypatch):
    def lose(*arguments, **more):
        raise TrainingLost("It is lost.")

    monkeypatch.setattr(finetuning_run, "train_stages", lose)
    status, _, err = command_runs.run(
        capsys, *command(folder, tmp_path / "out")
    )
    assert (status, err) == (1, "error: It is lost.\n")
    assert not (tmp_path / "out" / "preset.json").exists()


# Models that decide image by image


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [pytest.param("basisnet", marks=pytest.mark.exhaustive), "dsnet"]
)
def test_a_conditional_model_trains_as_its_class_does(
    capsys, folder, tmp_path, kind
):
    conditional_entries.MAKERS[kind](tmp_path / kind)
    status, _, err = command_runs.run(
        capsys,
        *("finetune", tmp_path / kind, f"--dataset={folder / 'photos'}"),
        *("--epochs=1", f"--out={tmp_path / 'out'}"),
    )
    assert status == 0, err
    model = ke.load(tmp_path / "out")
    assert type(model).__name__.lower() == kind
    assert model.output_shape[-1] == len(COLORS)

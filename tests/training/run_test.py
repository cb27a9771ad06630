import keras
import numpy as np
import pytest
from training import tiny
from training.tiny_task import TinyTask
from training.tiny_task import make_model

from keras_elastic import scratch
from keras_elastic.conditional import BasisNetRecipe
from keras_elastic.training.guard import TrainingLost

# Of any kind: the task is given.
RECIPE = BasisNetRecipe(
    name="one",
    dataset="digits",
    patch_size=8,
    batch_size=8,
    epochs=2,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.1,
    warmup_epochs=0.0,
    seed=3,
)


def make_run(folder, **changes):
    dataset = tiny.make_dataset(steps=4)
    return tiny.TinyRun(dataset=dataset, folder=folder, **changes)


def make_task():
    return TinyTask(make_model())


def assert_equal(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


class Kill(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        raise KeyboardInterrupt


def test_a_killed_training_goes_on(tmp_path):
    whole = make_run(tmp_path / "a").train("one", RECIPE, make_task)
    killed = make_run(
        tmp_path / "b",
        checkpoint_every=1,
        make_callbacks=lambda name, trainer: [Kill()],
    )
    with pytest.raises(KeyboardInterrupt):
        killed.train("one", RECIPE, make_task)
    again = make_run(tmp_path / "b").train("one", RECIPE, make_task)
    assert_equal(whole, again)


def test_what_is_done_is_not_done_again(tmp_path):
    weights = make_run(tmp_path).train("one", RECIPE, make_task)
    named = []

    def make_callbacks(name, trainer):
        named.append(name)
        return []

    run = make_run(tmp_path, make_callbacks=make_callbacks)
    assert_equal(run.train("one", RECIPE, make_task), weights)
    assert named == []
    run.train("two", RECIPE, make_task)
    assert named == ["two"]


def test_averaged_weights_are_the_result(tmp_path):
    averaged = RECIPE.replace(ema_momentum=0.9)
    plain = make_run(tmp_path).train("one", RECIPE, make_task)
    found = make_run(tmp_path).train("two", averaged, make_task)
    assert not np.allclose(plain[0], found[0], atol=1e-4)
    again = make_run(tmp_path).train("two", averaged, make_task)
    assert_equal(found, again)


def test_damaged_weights_are_no_result(tmp_path):
    make_run(tmp_path).train("one", RECIPE, make_task)
    path = tmp_path / "one" / "final.weights.h5"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="final.weights.h5' is damaged"):
        make_run(tmp_path).train("one", RECIPE, make_task)
    # What the message says for a file without a digest helps, too.
    path.unlink()
    make_run(tmp_path).train("one", RECIPE, make_task)


@pytest.mark.parametrize("content", [b"", b"half"])
def test_weights_of_before_digests_that_are_damaged(tmp_path, content):
    make_run(tmp_path).train("one", RECIPE, make_task)
    path = tmp_path / "one" / "final.weights.h5"
    path.write_bytes(content)
    path.with_name(f"{path.name}.sha256").unlink()
    with pytest.raises(ValueError, match="are damaged.*Delete the file"):
        make_run(tmp_path).train("one", RECIPE, make_task)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_no_result(tmp_path, value):
    class Poison(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            variable = self.model.trainable_variables[0]
            variable.assign(np.full(variable.shape, value))

    run = make_run(tmp_path, make_callbacks=lambda name, trainer: [Poison()])
    with pytest.raises(TrainingLost, match="variables are not finite"):
        run.train("one", RECIPE, make_task)
    assert not (tmp_path / "one" / "final.weights.h5").exists()


def test_a_folder_is_trained_in_by_one_process(tmp_path):
    with scratch.locked(tmp_path / "one"):
        with pytest.raises(ValueError, match="in use: another process"):
            make_run(tmp_path).train("one", RECIPE, make_task)
    make_run(tmp_path).train("one", RECIPE, make_task)

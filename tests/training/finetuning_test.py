"""A fine-tuned child is as good in inference as it was in training.

Tests of `training/finetuning_data.py`, too.
"""

import pathlib

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf
from training.tiny_classifier import IMAGES
from training.tiny_classifier import LABELS
from training.tiny_classifier import make_classifier

import keras_elastic as ke
from keras_elastic.models import heads
from keras_elastic.training import FineTuningRecipe
from keras_elastic.training import FineTuningStage
from keras_elastic.training import TrainingLost

CLASSES = 5


def load(**arguments):
    return ke.load("bignas_digits", flops=0.2e6, **arguments)


def digits(split, size):
    """Scans of digits, with classes that the child was not trained on."""
    images, labels = decoded(split, size)
    # White on black becomes black on white.
    return 255 - images, labels % CLASSES


def decoded(split, size):
    """The first images of a split, and their digits."""
    count = min(split.size, 640)
    batches = ke.data.evaluation_batches(
        split, batch_size=count, patch_size=size, count=count
    )
    [(images, labels)] = batches
    return np.array(images), np.array(labels)


@pytest.fixture(scope="module")
def dataset():
    return ke.data.load_dataset("digits")


# What it brings


@pytest.mark.slow
@pytest.mark.parametrize(
    "statistics",
    [pytest.param("kept", marks=pytest.mark.exhaustive), "measured"],
)
def test_a_fine_tuned_child_is_accurate_on_held_out_images(dataset, statistics):
    keras.utils.set_random_seed(0)
    model = load(classes=CLASSES)
    size = model.input_shape[1]
    recipe = ke.finetune_recipe(model, epochs=6, statistics=statistics)
    recipe.fit(model, *digits(dataset.train, size), verbose=0)
    held_out = digits(dataset.held_out, size)
    assert model.evaluate(*held_out, verbose=0)[1] > 0.8


@pytest.mark.exhaustive
def test_labels_of_which_an_image_may_have_several(dataset):
    keras.utils.set_random_seed(0)
    model = load(classes=3, multi_label=True)
    size = model.input_shape[1]

    def labeled(split):
        images, digit = decoded(split, size)
        is_prime = np.isin(digit, (2, 3, 5, 7))
        labels = np.stack([digit % 2 == 0, digit >= 5, is_prime], axis=1)
        return images, labels.astype("float32")

    recipe = ke.finetune_recipe(model, epochs=5)
    recipe.fit(model, *labeled(dataset.train), verbose=0)
    logs = model.evaluate(
        *labeled(dataset.held_out), verbose=0, return_dict=True
    )
    assert logs["average_precision"] > 0.85


# What it does


def test_the_head_is_trained_first():
    model = make_classifier()
    recipe = ke.finetune_recipe(model, epochs=4, head_epochs=1)
    assert [stage.name for stage in recipe.stages] == ["head", "all"]
    head, whole = recipe.stages
    assert head.layers == ("classifier",)
    assert whole.layers is None
    assert whole.learning_rate < head.learning_rate
    assert recipe.epochs == 5


def test_a_recipe_leaves_the_model_alone():
    model = make_classifier()
    optimizer = model.optimizer
    ke.finetune_recipe(model)
    assert model.optimizer is optimizer
    assert all(layer.trainable for layer in model.layers)


def test_no_epochs_of_the_head_alone():
    [stage] = ke.finetune_recipe(make_classifier(), head_epochs=0).stages
    assert stage.name == "all"


def test_the_layers_of_a_head_of_ones_own():
    features = heads.without_head(make_classifier(), "avg")
    x = keras.layers.Dense(8, activation="relu", name="mine")(features.output)
    outputs = keras.layers.Dense(3, name="answer")(x)
    model = keras.Model(features.inputs, outputs)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    assert ke.finetune_recipe(model).stages[0].layers == ("answer",)
    assert ke.finetune_recipe(model, head="mine").stages[0].layers == ("mine",)
    recipe = ke.finetune_recipe(model, epochs=1, head=["mine", "answer"])
    assert recipe.stages[0].layers == ("mine", "answer")
    kernel = model.get_layer("mine").get_weights()[0]
    recipe.fit(model, IMAGES, LABELS, verbose=0)
    assert not np.array_equal(model.get_layer("mine").get_weights()[0], kernel)


def test_epochs_are_counted_through_the_stages():
    model = make_classifier()
    recipe = ke.finetune_recipe(model, epochs=3, head_epochs=2)
    seen = []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(epoch)
    )
    histories = recipe.fit(
        model,
        IMAGES,
        LABELS,
        validation_data=(IMAGES, LABELS),
        callbacks=[callback],
        verbose=0,
    )
    assert seen == [0, 1, 2, 3, 4]
    assert list(histories) == ["head", "all"]
    assert histories["all"].epoch == [2, 3, 4]
    assert len(histories["head"].history["val_accuracy"]) == 2


def test_the_schedule_ends_with_the_data():
    model = make_classifier()
    recipe = ke.finetune_recipe(model, epochs=2, head_epochs=0)
    recipe.fit(model, IMAGES, LABELS, batch_size=6, verbose=0)
    # Three batches in each of two epochs.
    assert int(model.optimizer.iterations) == 6
    assert float(model.optimizer.learning_rate) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("as_batches", [False, True])
def test_statistics_are_those_of_training_images(as_batches):
    model = make_classifier()
    stage = FineTuningStage(
        name="all",
        epochs=1,
        layers=None,
        learning_rate=0.01,
        statistics="measured",
    )
    recipe = FineTuningRecipe((stage,), calibration_images=10)
    if as_batches:
        batches = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(4)
        recipe.fit(
            model, batches.repeat(), steps_per_epoch=5, shuffle=False, verbose=0
        )
    else:
        recipe.fit(model, IMAGES, LABELS, verbose=0)
    norm = model.get_layer("norm")
    inner = keras.Model(model.inputs, norm.input)
    features = inner.predict(IMAGES[:10], verbose=0)
    np.testing.assert_allclose(
        norm.moving_mean, features.mean((0, 1, 2)), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        norm.moving_variance, features.var((0, 1, 2)), rtol=1e-3, atol=1e-5
    )


def test_a_recipe_prints_what_it_does():
    lines = str(
        ke.finetune_recipe(make_classifier(), statistics="measured")
    ).split("\n")
    assert [line.split(":")[0] for line in lines] == ["head", "all", "then"]
    assert lines[2] == "then: statistics of 2,000 images"


@pytest.mark.exhaustive
def test_two_replicas_train_as_one():
    # In a process of its own: logical devices are set before TensorFlow runs.
    script = pathlib.Path(__file__).with_name("finetuning_replicas.py")
    run = forked.run(script)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.splitlines()[-1] == "equal"


# Bad input


def test_a_model_with_random_weights():
    model = keras.models.clone_model(make_classifier())
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="must be calibrated.*its weights"):
        ke.finetune_recipe(model)


def test_a_model_that_is_not_compiled():
    features = heads.without_head(make_classifier())
    with pytest.raises(ValueError, match="must be compiled"):
        ke.finetune_recipe(features)


@pytest.mark.parametrize("model", ["bignas_digits", None])
def test_what_is_no_model(model):
    with pytest.raises(ValueError, match="must be a `keras.Model`"):
        ke.finetune_recipe(model)


@pytest.mark.parametrize(
    "wrong, expected",
    [
        ({"head": ["answer"]}, "lacks.*answer.*classifier"),
        ({"epochs": 0}, "`epochs` must be"),
        ({"head_epochs": -1}, "`head_epochs` must be.*-1"),
        ({"head_learning_rate": 0}, "`head_learning_rate` must be a positive"),
        ({"statistics": "none"}, "`statistics` must be one of"),
    ],
)
def test_arguments_out_of_range(wrong, expected):
    with pytest.raises(ValueError, match=expected):
        ke.finetune_recipe(make_classifier(), **wrong)


def model_with_a_model():
    features = heads.without_head(make_classifier(), "avg")
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Dense(3)(features(inputs))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    return model, features


def test_normalizations_in_a_model_that_is_a_layer_are_measured():
    model, features = model_with_a_model()
    recipe = ke.finetune_recipe(model, epochs=1, head_epochs=0)
    recipe.fit(model, IMAGES, LABELS, verbose=0)
    got = features.get_layer("norm").get_weights()[2:]
    ke.calibrate(features, IMAGES)
    expected = features.get_layer("norm").get_weights()[2:]
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_normalizations_in_a_model_that_is_a_layer_are_kept():
    model, features = model_with_a_model()
    recipe = ke.finetune_recipe(model, epochs=1, statistics="kept")
    norm = features.get_layer("norm")
    before = norm.get_weights()
    recipe.fit(model, IMAGES, LABELS, verbose=0)
    for old, new in zip(before, norm.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_epochs_are_those_of_the_stages():
    model = make_classifier()
    recipe = ke.finetune_recipe(model)
    with pytest.raises(ValueError, match=r"Received: \['epochs'\]"):
        recipe.fit(model, IMAGES, LABELS, epochs=3)


def test_data_without_a_length_need_the_number_of_steps():
    model = make_classifier()
    recipe = ke.finetune_recipe(model)
    batches = iter([(IMAGES, LABELS)])
    with pytest.raises(ValueError, match="`steps_per_epoch` must be given"):
        recipe.fit(model, batches)
    assert all(layer.trainable for layer in model.layers)


def test_stages_of_one_name():
    [stage] = ke.finetune_recipe(make_classifier(), head_epochs=0).stages
    for stages in ((), (stage, stage)):
        with pytest.raises(ValueError, match="stages of different names"):
            FineTuningRecipe(stages)


# What is trained on, and what is measured on


def final_rate(**arguments):
    model = make_classifier()
    recipe = ke.finetune_recipe(model, epochs=2, head_epochs=0)
    x = np.concatenate([IMAGES, 255 - IMAGES])
    y = np.concatenate([LABELS, LABELS])
    recipe.fit(model, x, y, batch_size=4, verbose=0, **arguments)
    return model, float(model.optimizer.learning_rate)


def test_images_that_are_split_off_are_neither_steps_nor_statistics():
    model, rate = final_rate(validation_split=0.5)
    assert rate == pytest.approx(0, abs=1e-7)
    got = model.get_layer("norm").get_weights()[2:]
    ke.calibrate(model, IMAGES)
    expected = model.get_layer("norm").get_weights()[2:]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("split", [1.0, -0.1, "half", True])
def test_a_split_out_of_range(split):
    with pytest.raises(ValueError, match="`validation_split` must be"):
        final_rate(validation_split=split)


@pytest.mark.parametrize(
    "x", [None, 3, "images", [IMAGES], {"images": IMAGES}, IMAGES[:0]]
)
def test_what_is_not_trained_on(x):
    model = make_classifier()
    with pytest.raises(ValueError, match="`x` must be|`images` must"):
        ke.finetune_recipe(model).fit(model, x, LABELS)


def test_a_loss_that_is_not_finite_ends_the_training():
    model = make_classifier()
    recipe = ke.finetune_recipe(model, learning_rate=1e30, head_epochs=0)
    with pytest.raises(TrainingLost):
        recipe.fit(model, IMAGES, LABELS, verbose=0)


def test_a_checkpoint_holds_measured_statistics(tmp_path):
    model = make_classifier()
    path = tmp_path / "last.keras"
    callback = keras.callbacks.ModelCheckpoint(path)
    recipe = ke.finetune_recipe(model, epochs=1, head_epochs=1)
    recipe.fit(model, IMAGES, LABELS, verbose=0, callbacks=[callback])
    saved = keras.saving.load_model(path)
    for got, expected in zip(
        saved.get_weights(), model.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(got, expected)


def test_a_head_with_a_normalization_of_vectors():
    features = heads.without_head(make_classifier(), "avg")
    hidden = keras.layers.Dense(4)(features.output)
    hidden = keras.layers.BatchNormalization(name="new")(hidden)
    model = keras.Model(features.inputs, keras.layers.Dense(3)(hidden))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(True))
    recipe = ke.finetune_recipe(model, epochs=1, head_epochs=1)
    assert recipe.stages[0].layers[0] == "new"
    recipe.fit(model, IMAGES, LABELS, verbose=0)
    assert ke.is_calibrated(model)

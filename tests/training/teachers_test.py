import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf
from training import tiny

from keras_elastic.training import KerasTeacher
from keras_elastic.training import SubnetTeacher
from keras_elastic.training import Supervised
from keras_elastic.training import Trainer
from keras_elastic.training.teachers import check_classes
from keras_elastic.zoo import supernets

IMAGES = contracts.random_images(4, 8)


def make_model(size=8, classes=3, activation=None):
    inputs = keras.Input((size, size, 3))
    features = keras.layers.Rescaling(1 / 255)(inputs)
    features = keras.layers.Flatten()(features)
    outputs = keras.layers.Dense(classes, activation=activation)(features)
    return keras.Model(inputs, outputs)


def test_logits_are_those_of_the_model():
    model = make_model()
    np.testing.assert_allclose(
        KerasTeacher(model)(IMAGES), model(IMAGES), rtol=1e-6
    )


@pytest.mark.parametrize("size", [5, 8, 12])
def test_images_are_resized(size):
    model = make_model(size)
    expected = model(contracts.resize(IMAGES, size))
    np.testing.assert_allclose(KerasTeacher(model)(IMAGES), expected, atol=1e-4)


def test_a_model_of_any_size_gets_the_images_as_they_are():
    inputs = keras.Input((None, None, 3))
    features = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3)(features))
    np.testing.assert_allclose(
        KerasTeacher(model)(IMAGES), model(IMAGES), rtol=1e-6
    )


def test_probabilities_become_logits():
    model = make_model(activation="softmax")
    logits = KerasTeacher(model, from_logits=False)(IMAGES)
    np.testing.assert_allclose(tf.nn.softmax(logits), model(IMAGES), atol=1e-5)


def test_sure_probabilities_are_finite():
    model = make_model(activation="softmax")
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel, bias + [1e6, 0, 0]])
    assert np.isfinite(KerasTeacher(model, from_logits=False)(IMAGES)).all()


def test_a_teacher_does_not_drop_out():
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Flatten()(keras.layers.Dropout(0.5)(inputs))
    teacher = KerasTeacher(keras.Model(inputs, keras.layers.Dense(3)(features)))
    np.testing.assert_array_equal(teacher(IMAGES), teacher(IMAGES))


def test_half_precision_logits_are_cast():
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Flatten()(inputs)
    outputs = keras.layers.Dense(3, dtype="bfloat16")(features)
    teacher = KerasTeacher(keras.Model(inputs, outputs))
    assert teacher(IMAGES).dtype == "float32"


def test_a_subnet_teaches():
    supernet = tiny.make_supernet()
    arch = supernet.space.smallest
    teacher = SubnetTeacher(supernet, arch)
    np.testing.assert_allclose(
        teacher(IMAGES), supernet(IMAGES, arch), atol=1e-5
    )
    assert teacher.classes == tiny.CLASSES


# Classes


@pytest.mark.parametrize("classes", [3, 5])
def test_classes_must_be_those_of_the_supernet(classes):
    teacher = KerasTeacher(make_model(classes=classes))
    assert teacher.classes == classes
    if classes == 3:
        check_classes(teacher, 3)
        return
    with pytest.raises(ValueError, match="the 3 classes.*teacher of 5 classes"):
        check_classes(teacher, 3)


def test_no_teacher_and_plain_functions_pass():
    check_classes(None, 3)
    check_classes(lambda images: images, 3)


def test_the_trainer_checks_the_classes():
    teacher = KerasTeacher(make_model(classes=5))
    with pytest.raises(ValueError, match="`teacher` must know the 3 classes"):
        Trainer(
            tiny.make_supernet(),
            keras.optimizers.SGD(0.1),
            objective=Supervised(teacher=teacher),
        )


def test_a_softmax_at_the_end_is_seen(tmp_path):
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.GlobalAveragePooling2D()(inputs)
    outputs = keras.layers.Dense(3, activation="softmax")(features)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    assert not supernets.load_teacher(tmp_path / "model.keras").from_logits
    logits = keras.Model(inputs, keras.layers.Dense(3)(features))
    logits.save(tmp_path / "logits.keras")
    assert supernets.load_teacher(tmp_path / "logits.keras").from_logits

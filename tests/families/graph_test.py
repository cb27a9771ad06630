import json

import contracts
import family_checks
import keras
import numpy as np
import pytest

import keras_elastic
from keras_elastic import families

layers = keras.layers

# Pixels, fewer than the networks were made for.
SIZE = 96
NETWORKS = (
    *("EfficientNetB0", "EfficientNetV2B0", "ResNet50", "ResNet50V2"),
    *("ResNet101", "MobileNet", "MobileNetV2", "MobileNetV3Small"),
    *("MobileNetV3Large", "VGG16"),
)


def convolution(features, filters, strides=1, activation="relu"):
    features = layers.Conv2D(filters, 3, strides, "same")(features)
    features = layers.BatchNormalization(scale=False)(features)
    return layers.Activation(activation)(features)


def attention(features):
    channels = features.shape[-1]
    gate = layers.GlobalAveragePooling2D(keepdims=True)(features)
    gate = layers.Conv2D(8, 1, activation="relu")(gate)
    gate = layers.Conv2D(channels, 1, activation="sigmoid")(gate)
    return layers.Multiply()([features, gate])


def chain():
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Rescaling(1 / 255, name="images"),
            layers.RandomFlip(),
            layers.Conv2D(16, 3, activation="relu", name="logits"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.SeparableConv2D(32, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(5),
        ]
    )


def residual():
    inputs = keras.Input((32, 32, 3))
    features = layers.ZeroPadding2D(3)(inputs)
    features = layers.Conv2D(16, 7, 2)(features)
    features = layers.BatchNormalization()(features)
    features = layers.ReLU()(features)
    features = layers.ZeroPadding2D(1)(features)
    features = layers.MaxPooling2D(3, 2)(features)
    for filters in (32, 32, 32, 32):
        shortcut = features
        if features.shape[-1] != filters:
            shortcut = layers.Conv2D(filters, 1)(features)
            shortcut = layers.BatchNormalization()(shortcut)
        features = convolution(features, 16)
        features = layers.DepthwiseConv2D(5, padding="same")(features)
        features = layers.BatchNormalization(epsilon=1e-5)(features)
        features = attention(features)
        features = layers.Conv2D(filters, 1)(features)
        features = layers.BatchNormalization()(features)
        features = layers.Dropout(0.2, noise_shape=(None, 1, 1, 1))(features)
        features = layers.ReLU()(layers.Add()([features, shortcut]))
    features = layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, layers.Dense(5)(features))


def preactivation():
    """Blocks that normalize first: what is added was not, as in ResNet v2.

    The projecting shortcut begins behind the activation, the identity before
    it.
    """
    inputs = keras.Input((32, 32, 3))
    features = layers.Conv2D(16, 3, padding="same")(inputs)
    for filters, strides in ((32, 2), (32, 1), (32, 1)):
        active = layers.BatchNormalization()(features)
        active = layers.ReLU()(active)
        if features.shape[-1] == filters:
            shortcut = features
        else:
            shortcut = layers.Conv2D(filters, 1, strides)(active)
        inside = convolution(active, 16, strides)
        inside = layers.Conv2D(filters, 3, padding="same")(inside)
        features = layers.Add()([shortcut, inside])
    features = layers.BatchNormalization()(features)
    features = layers.GlobalAveragePooling2D()(layers.ReLU()(features))
    return keras.Model(inputs, layers.Dense(5)(features))


MODELS = {
    "chain": chain,
    "residual": residual,
    "preactivation": preactivation,
    "mobilenet": lambda: keras.applications.MobileNetV3Small(
        input_shape=(64, 64, 3),
        alpha=0.25,
        classes=5,
        weights=None,
        classifier_activation=None,
    ),
}


@pytest.fixture(
    params=[
        # `models/converting_test.py` converts one in CI.
        pytest.param(name, marks=pytest.mark.exhaustive)
        if name == "mobilenet"
        else name
        for name in MODELS
    ]
)
def model(request):
    keras.utils.set_random_seed(0)
    return randomized(MODELS[request.param]())


def randomized(model):
    return family_checks.with_random_weights(model)


def check_equal(got, expected):
    expected = np.asarray(expected)
    atol = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(got, expected, atol=atol, rtol=0)


def check_largest(model, supernet, size):
    images = contracts.random_images(2, size)
    arch = supernet.space.largest
    statistics = supernet.initial_statistics
    expected = model(images, training=False)
    check_equal(supernet(images, arch, statistics=statistics), expected)
    child = supernet.child(arch, statistics)
    check_equal(child(images, training=False), expected)


def test_the_largest_subnet_is_the_model(model):
    supernet = keras_elastic.elastic(model)
    assert supernet.space.size > 1
    check_largest(model, supernet, supernet.space.resolution[-1])


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        *("residual", "preactivation"),
        # Of the networks of Keras, `models/converting_test.py` runs one.
        *(
            pytest.param(name, marks=pytest.mark.exhaustive)
            for name in ("chain", "mobilenet")
        ),
    ],
    indirect=True,
)
def test_subnets_are_their_children(model):
    family = keras_elastic.elastic(model).family
    archs = family_checks.sample(family, 1)
    family_checks.check_subnets(family, archs, classes=5)
    family_checks.check_costs_of_children(family, archs, classes=5)


def test_json(model):
    family_checks.check_json(keras_elastic.elastic(model).family)


def test_a_file_and_a_missing_file(tmp_path):
    model = randomized(residual())
    model.save(tmp_path / "model.keras")
    supernet = keras_elastic.elastic(tmp_path / "model.keras")
    check_largest(model, supernet, 32)
    with pytest.raises(ValueError, match="no such file"):
        keras_elastic.elastic(tmp_path / "other.keras")


def wrong(**arguments):
    inputs = keras.Input((32, 32, 3))
    features = layers.Conv2D(16, 3, padding="same", name="odd", **arguments)
    features = features(layers.Conv2D(16, 3, padding="same")(inputs))
    features = layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, layers.Dense(3)(features))


def softmax():
    inputs = keras.Input((32, 32, 3))
    features = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(inputs))
    outputs = layers.Dense(3, activation="softmax", name="end")(features)
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: wrong(groups=2), "grouped.*'odd'"),
        (lambda: wrong(dilation_rate=2), "dilated.*'odd'"),
        (softmax, "logits.*'end'.*classifier_activation=None"),
        (lambda: 3, "keras.Model"),
        (lambda: keras.Sequential([layers.Dense(3)]), "no\\s+graph|graph"),
    ],
)
def test_what_cannot_be_read(make, message):
    with pytest.raises(ValueError, match=message):
        keras_elastic.elastic(make())


@pytest.mark.parametrize(
    "arguments",
    [
        {"width": (2.0,)},
        {"hidden": 0.5},
        {"depth": 0},
        {"kernel_size": 4},
        {"scale": "no"},
        {"resolution": (16,)},
        {"channel_order": "gbr"},
    ],
)
def test_arguments_out_of_range(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"`{name}"):
        keras_elastic.elastic(chain(), **arguments)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name):
    make = getattr(keras.applications, name)
    model = randomized(
        make(
            input_shape=(SIZE, SIZE, 3),
            weights=None,
            classifier_activation=None,
        )
    )
    # Random statistics make a deep network so steep that digits get lost.
    family_checks.set_statistics(model, contracts.random_images(8, SIZE))
    supernet = keras_elastic.elastic(model)
    check_largest(model, supernet, SIZE)
    config = json.loads(json.dumps(families.serialize(supernet.family)))
    assert families.deserialize(config) == supernet.family

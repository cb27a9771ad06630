import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic import families
from keras_elastic.calibration import PooledStatistics
from keras_elastic.calibration import SubnetCalibrator
from keras_elastic.calibration import calibrate
from keras_elastic.calibration import central_squares
from keras_elastic.calibration import image_batches
from keras_elastic.calibration import is_calibrated
from keras_elastic.models import Supernet

SIZE = 8
IMAGES = contracts.random_images(20, SIZE)
LABELS = np.arange(20) % 3


@pytest.fixture(scope="module")
def supernet():
    # Without the last of its stages, to be traced soon.
    stages = families.get("bignas_digits").stages[:2]
    family = families.get("bignas_digits", stages=stages)
    supernet = Supernet(family, classes=3)
    contracts.randomize(supernet)
    return supernet


@pytest.fixture(scope="module")
def calibrator(supernet):
    return SubnetCalibrator(supernet)


@pytest.fixture(scope="module")
def arch(supernet):
    return supernet.space.smallest


@pytest.fixture
def child(supernet, arch):
    return supernet.child(arch)


def first_normalization():
    """A model whose only layer is a normalization of pixels."""
    inputs = keras.Input((None, None, 3))
    outputs = keras.layers.BatchNormalization(name="norm")(inputs)
    return keras.Model(inputs, outputs)


def statistics_of(model):
    return {
        layer.name: np.stack(layer.get_weights()[2:])
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }


def moments(images):
    return np.stack([images.mean((0, 1, 2)), images.var((0, 1, 2))])


@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
def test_a_model_of_half_precision(policy):
    inputs = keras.Input((None, None, 3))
    norm = keras.layers.BatchNormalization(name="norm", dtype=policy)
    model = calibrate(keras.Model(inputs, norm(inputs)), IMAGES)
    measured = np.array(statistics_of(model)["norm"], "float32")
    np.testing.assert_allclose(measured, moments(IMAGES), rtol=1e-3)


def assert_equal_statistics(got, expected, rtol=1e-5):
    assert set(got) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(
            got[name], value, rtol=rtol, atol=1e-5, err_msg=name
        )


# Pooling


@pytest.mark.parametrize(
    "sizes", [[20], [7, 13], [13, 7], [1] * 20, [6, 6, 6, 2]]
)
def test_first_normalization_gets_the_moments_of_all_images(sizes):
    # Not so with averages of variances: the means of the images differ.
    batches = np.split(IMAGES, np.cumsum(sizes)[:-1])
    model = calibrate(first_normalization(), batches)
    np.testing.assert_allclose(
        statistics_of(model)["norm"], moments(IMAGES), rtol=1e-5
    )


@pytest.mark.parametrize("batch_size", [1, 7, 20, 256])
def test_batch_size_of_an_array(batch_size):
    model = calibrate(first_normalization(), IMAGES, batch_size)
    np.testing.assert_allclose(
        statistics_of(model)["norm"], moments(IMAGES), rtol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [[7, 13], [1] * 20])
def test_stem_of_a_subnet_does_not_depend_on_batches(calibrator, arch, sizes):
    batches = np.split(IMAGES, np.cumsum(sizes)[:-1])
    whole = calibrator.measure(arch, IMAGES)["stem_norm"]
    parts = calibrator.measure(arch, batches)["stem_norm"]
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-6)


def test_variance_of_large_means_does_not_cancel():
    rng = np.random.default_rng(0)
    values = 1e4 + rng.normal(size=(50, 40, 2))
    pooled = PooledStatistics()
    for batch in values:
        pooled.add({"a": np.stack([batch.mean(0), batch.var(0)])}, len(batch))
    np.testing.assert_allclose(
        pooled.result()["a"][1], values.var((0, 1)), rtol=1e-5
    )


def test_pooled_statistics():
    pooled = PooledStatistics()
    assert (pooled.images, pooled.result()) == (0, {})
    pooled.add({"a": np.array([[0.0], [1.0]])}, images=1)
    pooled.add({"a": np.array([[4.0], [2.0]])}, images=3)
    assert pooled.images == 4
    # Mean of the variances 1.75, variance of the means 3.
    result = pooled.result()["a"]
    np.testing.assert_allclose(result, [[3.0], [4.75]])
    assert result.dtype == "float32"


def test_constant_channels_have_no_negative_variance():
    pooled = PooledStatistics()
    for _ in range(3):
        pooled.add({"a": np.array([[0.1], [0.0]])}, images=7)
    assert pooled.result()["a"][1] >= 0


def test_one_batch_gives_its_statistics(supernet, calibrator, arch):
    measured = calibrator.measure(arch, IMAGES)
    _, expected = supernet(IMAGES, arch, return_statistics=True)
    assert_equal_statistics(measured, expected, rtol=1e-4)


def test_order_of_batches_does_not_matter(calibrator, arch):
    batches = np.split(IMAGES, 4)
    forth = calibrator.measure(arch, batches)
    back = calibrator.measure(arch, batches[::-1])
    assert_equal_statistics(back, forth)


def test_equal_batches_count_as_one(calibrator, arch):
    once = calibrator.measure(arch, [IMAGES])
    thrice = calibrator.measure(arch, [IMAGES] * 3)
    assert_equal_statistics(thrice, once)


# Subnets and children


def test_resolutions_have_their_own_statistics(supernet, calibrator):
    vector = supernet.space.encode(supernet.space.smallest)
    by_size = []
    for resolution in supernet.space.resolution:
        vector[0] = resolution
        arch = supernet.space.decode(vector)
        by_size.append(calibrator.measure(arch, IMAGES))
    for name in ("stem_norm", "head_norm"):
        for other in by_size[1:]:
            assert not np.allclose(by_size[0][name], other[name], rtol=0.01)


def test_one_trace_measures_every_subnet(supernet, calibrator, monkeypatch):
    traces, call = [], supernet.call

    def counting_call(*args, **kwargs):
        traces.append(1)
        return call(*args, **kwargs)

    monkeypatch.setattr(supernet, "call", counting_call)
    for arch in (supernet.space.smallest, supernet.space.largest):
        calibrator.measure(arch, IMAGES, batch_size=8)
    # None if another test has made it already.
    assert len(traces) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("which", ["smallest", "largest", "random"])
def test_child_equals_subnet_with_measured_statistics(
    supernet, calibrator, which
):
    space = supernet.space
    arch = space.sample(np.random.default_rng(0))
    if which != "random":
        arch = getattr(space, which)
    batches = np.split(IMAGES, 2)
    measured = calibrator.measure(arch, batches)
    child = calibrate(supernet.child(arch), batches)
    at_size = contracts.resize(IMAGES, arch.resolution)
    expected = supernet(IMAGES, arch, statistics=measured)
    np.testing.assert_allclose(
        child(at_size, training=False), expected, atol=1e-4
    )
    given = supernet.child(arch, measured)
    np.testing.assert_allclose(
        given(at_size, training=False), expected, atol=1e-4
    )


def test_calibrate_changes_statistics_only(child):
    before = [v.numpy() for v in child.trainable_variables]
    assert calibrate(child, IMAGES) is child
    for old, variable in zip(before, child.trainable_variables, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)


def test_calibrating_twice_gives_the_same(child):
    first = statistics_of(calibrate(child, IMAGES))
    again = statistics_of(calibrate(child, IMAGES))
    assert_equal_statistics(again, first)


def test_images_are_resized_to_the_child(supernet, arch):
    larger = contracts.random_images(6, 15)
    got = statistics_of(calibrate(supernet.child(arch), larger))
    at_size = contracts.resize(larger, arch.resolution)
    expected = statistics_of(calibrate(supernet.child(arch), at_size))
    assert_equal_statistics(got, expected, rtol=1e-4)


# What images may be


def as_dataset():
    return tf.data.Dataset.from_tensor_slices(IMAGES).batch(7)


def as_labeled_dataset():
    return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(7)


def as_generator():
    return ((IMAGES[i : i + 7], LABELS[i : i + 7]) for i in (0, 7, 14))


@pytest.mark.parametrize(
    "make",
    [
        as_dataset,
        as_labeled_dataset,
        as_generator,
        lambda: tf.constant(IMAGES),
        lambda: list(np.split(IMAGES, 4)),
    ],
)
def test_kinds_of_images(make):
    model = calibrate(first_normalization(), make(), batch_size=7)
    np.testing.assert_allclose(
        statistics_of(model)["norm"], moments(IMAGES), rtol=1e-5
    )


def test_integer_pixels(calibrator, arch, child):
    pixels = IMAGES.astype("uint8")
    as_floats = pixels.astype("float32")
    assert_equal_statistics(
        calibrator.measure(arch, pixels), calibrator.measure(arch, as_floats)
    )
    got = statistics_of(calibrate(child, pixels))
    expected = statistics_of(calibrate(child, as_floats))
    assert_equal_statistics(got, expected)


def test_dataset_for_a_subnet(calibrator, arch):
    assert_equal_statistics(
        calibrator.measure(arch, as_labeled_dataset()),
        calibrator.measure(arch, IMAGES, batch_size=7),
    )


def test_batches_of_an_array():
    sizes = [len(batch) for batch in image_batches(IMAGES, batch_size=8)]
    assert sizes == [8, 8, 4]


# Errors


def empty_array():
    return IMAGES[:0]


@pytest.mark.parametrize("make", [empty_array, list, lambda: iter(())])
def test_no_images(calibrator, arch, child, make):
    before = statistics_of(child)
    with pytest.raises(ValueError, match="`images` must hold at least one"):
        calibrate(child, make())
    assert_equal_statistics(statistics_of(child), before, rtol=0)
    with pytest.raises(ValueError, match="`images` must hold at least one"):
        calibrator.measure(arch, make())


@pytest.mark.parametrize("as_batches", [lambda images: images, lambda x: [x]])
def test_grayscale(calibrator, arch, child, as_batches):
    gray = as_batches(IMAGES[..., :1])
    with pytest.raises(ValueError, match="Make grayscale images RGB"):
        calibrate(child, gray)
    with pytest.raises(ValueError, match="Make grayscale images RGB"):
        calibrator.measure(arch, gray)
    assert not is_calibrated(child)


def test_architecture_outside_the_space(calibrator):
    with pytest.raises(ValueError, match="must be a `keras_elastic.Arch"):
        calibrator.measure((8, 8), IMAGES)


def test_model_without_normalization():
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.ReLU()(inputs))
    with pytest.raises(ValueError, match="`model` must .* none to calibrate"):
        calibrate(model, IMAGES)


def test_model_is_unchanged_after_an_error_half_way(child):
    calibrate(child, IMAGES[:5])
    before = child.get_weights()

    def breaks_off():
        yield IMAGES[:10]
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        calibrate(child, breaks_off())
    for old, new in zip(before, child.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


# Whether a model is calibrated


def test_calibrated_after_calibration(child):
    assert not is_calibrated(child)
    assert is_calibrated(calibrate(child, IMAGES))


def test_calibrated_after_fit(child):
    child.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    child.fit(IMAGES, LABELS, verbose=0)
    assert is_calibrated(child)


def test_calibrated_without_normalization():
    inputs = keras.Input((4,))
    assert is_calibrated(keras.Model(inputs, keras.layers.Dense(2)(inputs)))


@pytest.mark.parametrize("pixel", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite(pixel):
    images = np.array(IMAGES, "float32")
    images[3, 0, 0, 0] = pixel
    with pytest.raises(ValueError, match=r"batch 1, .*images \[1\]"):
        list(image_batches(images, batch_size=2))


def test_statistics_that_are_not_finite():
    pooled = PooledStatistics()
    pooled.add({"a": np.ones((2, 3))}, 4)
    with pytest.raises(ValueError, match="of 'a', in the batch of images 4 to"):
        pooled.add({"a": np.full((2, 3), np.inf)}, 4)


@pytest.mark.parametrize("scale, offset", [(1 / 255, 0), (1 / 64, -2)])
def test_scaled_pixels_are_warned_of(scale, offset):
    images = np.array(IMAGES, "float32") * scale + offset
    with pytest.warns(UserWarning, match=r"pixels in 0\.\.255"):
        list(image_batches(images))


def test_central_squares():
    images = np.arange(2 * 4 * 7 * 3).reshape(2, 4, 7, 3)
    np.testing.assert_array_equal(central_squares(images), images[:, :, 1:5])
    upright = images.swapaxes(1, 2)
    np.testing.assert_array_equal(central_squares(upright), upright[:, 1:5])


# Models in models


def outer_models(child):
    size = child.input_shape[1]
    augmented = keras.Sequential(
        [keras.Input((size, size, 3)), keras.layers.RandomFlip(), child]
    )
    inputs = keras.Input((size, size, 3))
    functional = keras.Model(inputs, child(inputs))
    return {
        "sequential": augmented,
        "functional": functional,
        "twice": keras.Sequential([keras.Input((size, size, 3)), functional]),
    }


@pytest.mark.parametrize("kind", ["sequential", "functional", "twice"])
def test_a_child_in_a_model_is_calibrated_through_it(supernet, arch, kind):
    child, alone = supernet.child(arch), supernet.child(arch)
    outer = outer_models(child)[kind]
    assert not is_calibrated(outer)
    calibrate(outer, IMAGES)
    assert is_calibrated(outer)
    calibrate(alone, IMAGES)
    assert_equal_statistics(statistics_of(child), statistics_of(alone))


def test_what_is_in_front_of_the_child_is_respected(supernet, arch):
    child, alone = supernet.child(arch), supernet.child(arch)
    size = child.input_shape[1]
    halved = keras.layers.Rescaling(0.5)
    calibrate(
        keras.Sequential([keras.Input((size, size, 3)), halved, child]), IMAGES
    )
    calibrate(alone, 0.5 * IMAGES)
    assert_equal_statistics(statistics_of(child), statistics_of(alone))


def test_a_normalization_of_vectors():
    inputs = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.GlobalAveragePooling2D()(inputs)
    dropped = keras.layers.Dropout(0.5)(features)
    outputs = keras.layers.BatchNormalization(name="norm")(dropped)
    model = calibrate(keras.Model(inputs, outputs), IMAGES)
    means = IMAGES.mean((1, 2))
    np.testing.assert_allclose(
        statistics_of(model)["norm"],
        np.stack([means.mean(0), means.var(0)]),
        rtol=1e-4,
    )


def test_a_new_head_is_not_calibrated(child):
    calibrate(child, IMAGES)
    outputs = keras.layers.BatchNormalization()(child.output)
    assert not is_calibrated(keras.Model(child.inputs, outputs))


def test_statistics_that_are_not_finite_are_none(child):
    calibrate(child, IMAGES)
    layer = child.get_layer("stem_norm")
    layer.moving_mean.assign(layer.moving_mean * np.nan)
    assert not is_calibrated(child)


def test_a_model_runs_as_before_after_an_error(child):
    with pytest.raises(ValueError, match="at least one image"):
        calibrate(child, [])
    assert not any("call" in vars(layer) for layer in child._flatten_layers())

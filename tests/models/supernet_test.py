"""Tests of `models/subnet_run.py` and `models/elastic_operations.py`, too."""

import dataclasses

import contracts
import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic import families
from keras_elastic.models import Supernet
from keras_elastic.models import supernet as supernet_module
from keras_elastic.spaces import Architecture

IMAGES = contracts.random_images(6, 10)


# One result, however it is run


@pytest.mark.parametrize(
    "pair", ["bignas_digits", "tiny_attentive"], indirect=True
)
def test_contract(pair):
    space = pair.space
    archs = [space.smallest, space.largest, *contracts.sample(space, 1)]
    contracts.check_supernet(pair, archs, IMAGES)


@pytest.mark.exhaustive
def test_contract_for_many_architectures(pair):
    contracts.check_supernet(
        pair, contracts.sample(pair.space, 3, seed=1), IMAGES
    )


def test_batch_of_one(pair):
    contracts.check_supernet(
        pair, contracts.sample(pair.space, 1, seed=2), IMAGES[:1]
    )


def test_calibrated_logits_do_not_depend_on_the_batch(pair):
    arch = contracts.sample(pair.space, 1)[0]
    _, statistics = pair.sliced(IMAGES, arch, return_statistics=True)
    together = pair.sliced(IMAGES, arch, statistics=statistics)
    alone = [
        pair.sliced(image[None], arch, statistics=statistics)[0]
        for image in IMAGES
    ]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_nothing_of_an_architecture_is_kept(pair):
    space = pair.space
    before = pair.sliced(IMAGES, space.largest)
    state = attributes(pair.sliced)
    pair.sliced(IMAGES, space.smallest)
    pair.run(IMAGES, space.encode(space.smallest))
    assert attributes(pair.sliced) == state
    np.testing.assert_array_equal(pair.sliced(IMAGES, space.largest), before)


def attributes(model):
    """What a model and its layers keep in attributes, as text."""
    return [
        {name: repr(value) for name, value in vars(part).items()}
        for part in (model, *model.layers)
    ]


def test_weights_do_not_change_by_calling(random_digits):
    before = random_digits.get_weights()
    random_digits(IMAGES, random_digits.space.largest, training=True)
    for old, new in zip(before, random_digits.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_encoded_architecture_in_eager_mode(random_digits):
    arch = random_digits.space.smallest
    encoded = random_digits.space.encode(arch)
    expected = random_digits(IMAGES, arch)
    for vector in (encoded, encoded.tolist(), tf.constant(encoded)):
        np.testing.assert_allclose(
            random_digits(IMAGES, vector), expected, atol=1e-4
        )


def test_images_at_the_resolution_are_not_resized(random_digits, monkeypatch):
    def refuse(images, size, interpolation):
        raise AssertionError("resized")

    arch = random_digits.space.smallest
    monkeypatch.setattr(supernet_module.kernels, "resize", refuse)
    random_digits(contracts.random_images(2, arch.resolution), arch)
    with pytest.raises(AssertionError, match="resized"):
        random_digits(IMAGES, arch)


def test_resolution_is_the_architectures(random_digits):
    space = random_digits.space
    smallest = space.smallest
    larger = dataclasses.replace(smallest, resolution=space.resolution[-1])
    for arch in (smallest, larger):
        at_size = contracts.resize(IMAGES, arch.resolution)
        np.testing.assert_allclose(
            random_digits(IMAGES, arch),
            random_digits(at_size, arch),
            atol=1e-4,
        )
    assert not np.allclose(
        random_digits(IMAGES, smallest), random_digits(IMAGES, larger)
    )


def test_pixels_may_be_integers(random_digits):
    arch = random_digits.space.smallest
    pixels = IMAGES.astype("uint8")
    np.testing.assert_array_equal(
        random_digits(pixels, arch),
        random_digits(pixels.astype("float32"), arch),
    )


# At initialization


@pytest.mark.parametrize("name", ["bignas_digits", "tiny_attentive"])
def test_new_logits_do_not_depend_on_depth_kernel_or_expansion(
    name, attentive_family
):
    family = attentive_family
    if name != "tiny_attentive":
        family = families.get(name)
    supernet = Supernet(family, classes=7)
    largest = supernet.space.largest
    expected = supernet(IMAGES, largest)
    for other in contracts.sample(supernet.space, 4):
        arch = dataclasses.replace(
            other, width=largest.width, resolution=largest.resolution
        )
        np.testing.assert_allclose(supernet(IMAGES, arch), expected, atol=1e-5)
    assert np.std(expected) > 1e-3


def test_only_last_gammas_are_zero(digits):
    for name in digits.normalizations:
        gamma = getattr(digits, name).gamma.numpy()
        is_last = name.endswith("_project_norm")
        np.testing.assert_array_equal(gamma, np.zeros_like(gamma) + 1 - is_last)


# Gradients


@pytest.mark.parametrize(
    "mode, which",
    [
        ("sliced", "largest"),
        ("sliced", "random"),
        ("masked", "smallest"),
        ("masked", "random"),
    ],
)
def test_weights_outside_the_subnet_get_no_gradient(pair, mode, which):
    supernet = getattr(pair, mode)
    space = supernet.space
    arch = {
        "smallest": space.smallest,
        "largest": space.largest,
        "random": contracts.sample(space, 1, seed=3)[0],
    }[which]
    active = active_weights(supernet, arch)
    gradients = subnet_gradients(supernet, arch)
    for variable, live, gradient in zip(
        supernet.trainable_variables, active, gradients, strict=True
    ):
        assert np.isfinite(gradient).all()
        assert not gradient[~live].any(), variable.path
        # All that is taken has an influence, so nothing is taken in vain.
        assert not live.any() or gradient[live].any(), variable.path
    assert any(live.any() and not live.all() for live in active) == (
        which != "largest"
    )


def subnet_gradients(supernet, arch):
    with tf.GradientTape() as tape:
        logits = supernet(IMAGES, arch)
        loss = tf.reduce_sum(logits * contracts.cotangent(logits))
    variables = supernet.trainable_variables
    gradients = tape.gradient(loss, variables)
    return [
        np.zeros(variable.shape)
        if gradient is None
        else tf.convert_to_tensor(gradient).numpy()
        for variable, gradient in zip(variables, gradients, strict=True)
    ]


def active_weights(supernet, arch):
    """Boolean arrays, one a variable: what the child is made of."""
    before = supernet.get_weights()
    start, numbered = 2, []
    for variable in supernet.trainable_variables:
        stop = start + variable.numpy().size
        numbered.append(np.arange(start, stop).reshape(variable.shape))
        variable.assign(numbered[-1])
        start = stop
    assert start < 2**24, "float32 has no more integers"
    taken = np.concatenate(
        [v.numpy().ravel() for v in supernet.child(arch).trainable_variables]
    )
    supernet.set_weights(before)
    return [np.isin(numbers, taken) for numbers in numbered]


def test_every_layer_with_weights_is_of_some_subnet(pair):
    supernet, space = pair.sliced, pair.space
    used = set()
    for row in space.one_gene_changes:
        plan = supernet.family.plan(space.decode(row), supernet.classes)
        for block in plan.blocks:
            used |= {operation.name for operation in block.operations}
            if block.shortcut and block.shortcut[0].project:
                used.add(block.shortcut[0].name)
    assert {layer.name for layer in supernet.layers if layer.weights} <= used


@pytest.mark.slow
@pytest.mark.parametrize(
    "mode", ["sliced", pytest.param("masked", marks=pytest.mark.exhaustive)]
)
def test_gradient_in_one_trace_equals_eager_gradient(pair, mode):
    supernet = getattr(pair, mode)
    variables = supernet.trainable_variables

    @tf.function
    def traced(encoded):
        with tf.GradientTape() as tape:
            logits = supernet(IMAGES, encoded)
            loss = tf.reduce_sum(logits * contracts.cotangent(logits))
        return tape.gradient(loss, [v.value for v in variables])

    for arch in (supernet.space.smallest, supernet.space.largest):
        expected = subnet_gradients(supernet, arch)
        got = traced(tf.constant(supernet.space.encode(arch)))
        for one, other in zip(got, expected, strict=True):
            one = tf.convert_to_tensor(one).numpy()
            scale = max(1.0, np.abs(other).max())
            np.testing.assert_allclose(one, other, atol=1e-3 * scale)
    assert traced.experimental_get_tracing_count() == 1


# Dropout


def test_dropouts_names_and_sizes(digits):
    # Before the classifier, which reads what the head's convolution writes.
    features = digits.space.largest.width[-1]
    rate = digits.family.dropout
    assert digits.dropouts == {"head_dropout": (rate, features)}


@pytest.mark.parametrize("which", ["smallest", "largest"])
def test_dropout_masks_multiply(random_digits, which):
    arch = getattr(random_digits.space, which)
    rng = np.random.default_rng(0)
    _, features = random_digits.dropouts["head_dropout"]
    mask = 2 * rng.integers(0, 2, (len(IMAGES), features))
    logits = random_digits(
        IMAGES, arch, dropout_masks={"head_dropout": mask.astype("float32")}
    )
    features = head_features(random_digits, arch)
    kernel, bias = random_digits.head_classifier.get_weights()
    live = features.shape[-1]
    expected = (features * mask[:, :live]) @ kernel[:live] + bias
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def head_features(supernet, arch):
    """What the classifier reads, by the child with the batch's statistics."""
    _, statistics = supernet(IMAGES, arch, return_statistics=True)
    child = supernet.child(arch, statistics)
    trunk = keras.Model(child.input, child.get_layer("head_classifier").input)
    at_size = contracts.resize(IMAGES, arch.resolution)
    return trunk(at_size, training=False).numpy()


def test_masks_of_one_change_nothing(random_digits):
    arch = random_digits.space.smallest
    _, features = random_digits.dropouts["head_dropout"]
    ones = {"head_dropout": np.ones((len(IMAGES), features), "float32")}
    expected = random_digits(IMAGES, arch)
    for masks in (ones, {}, None):
        np.testing.assert_allclose(
            random_digits(IMAGES, arch, dropout_masks=masks),
            expected,
            atol=1e-6,
        )


def test_masks_in_masked_mode(pair):
    rng = np.random.default_rng(0)
    masks = {
        name: rng.integers(0, 2, (len(IMAGES), size)).astype("float32")
        for name, (_, size) in pair.sliced.dropouts.items()
    }
    arch = contracts.sample(pair.space, 1)[0]
    np.testing.assert_allclose(
        pair.masked(IMAGES, arch, dropout_masks=masks),
        pair.sliced(IMAGES, arch, dropout_masks=masks),
        atol=1e-4,
    )


# Statistics and precision


def test_statistics_have_one_shape_for_all(pair):
    space = pair.space
    for arch in (space.smallest, space.largest):
        _, statistics = pair.sliced(IMAGES, arch, return_statistics=True)
        assert {
            name: tuple(value.shape) for name, value in statistics.items()
        } == {
            name: (2, channels)
            for name, channels in pair.sliced.normalizations.items()
        }


@pytest.mark.parametrize("mode", ["sliced", "masked"])
def test_mixed_precision(pair, mode):
    exact = getattr(pair, mode)
    mixed = Supernet(
        exact.family, exact.classes, mode=mode, dtype="mixed_float16"
    )
    mixed.set_weights(exact.get_weights())
    arch = contracts.sample(pair.space, 1)[0]
    expected, given = exact(IMAGES, arch, return_statistics=True)
    logits, statistics = mixed(IMAGES, arch, return_statistics=True)
    assert logits.dtype == "float32"
    assert {value.dtype for value in statistics.values()} == {tf.float32}
    scale = np.abs(expected).max()
    np.testing.assert_allclose(logits, expected, atol=0.05 * scale)
    calibrated = mixed(IMAGES, arch, statistics=given)
    assert calibrated.dtype == "float32"
    np.testing.assert_allclose(calibrated, expected, atol=0.05 * scale)
    assert all(v.dtype == "float32" for v in mixed.variables)


def test_given_statistics_are_not_rounded():
    mixed = Supernet("bignas_digits", classes=4, dtype="mixed_float16")
    arch = mixed.space.smallest
    _, statistics = mixed(IMAGES, arch, return_statistics=True)
    # float16 holds neither of these.
    given = {name: 0 * value + 1e5 for name, value in statistics.items()}
    _, seen = mixed(IMAGES, arch, statistics=given, return_statistics=True)
    np.testing.assert_array_equal(seen["stem_norm"][:, : arch.width[0]], 1e5)


# Errors


@pytest.mark.parametrize(
    "shape,fix",
    [
        ((2, 8, 8, 1), r"np\.repeat\(images, 3, axis=-1\)"),
        ((2, 8, 8, 4), r"images\[\.\.\., :3\]"),
        ((8, 8, 3), "Add a batch axis"),
        ((2, 8, 8, 5), ""),
        ((8, 8), "Add a batch axis"),
    ],
)
def test_images_that_are_not_rgb(digits, shape, fix):
    with pytest.raises(ValueError, match=rf"`images` must be RGB.*{fix}"):
        digits(np.zeros(shape, "float32"), digits.space.smallest)


def test_a_list_is_no_batch(digits):
    with pytest.raises(ValueError, match="stack the images"):
        digits([np.zeros((8, 8, 3))], digits.space.smallest)


def test_architecture_outside_the_space(digits):
    arch = dataclasses.replace(digits.space.smallest, resolution=1)
    with pytest.raises(ValueError, match="not in the space 'bignas_digits'"):
        digits(IMAGES, arch)
    with pytest.raises(ValueError, match="`resolution` must be one of"):
        digits.child(arch)


def test_architecture_of_another_space(digits):
    arch = Architecture(8, (8, 8), (1,), (3,), (1,))
    with pytest.raises(ValueError, match="`width` needs 5 values and has 2"):
        digits(IMAGES, arch)


@pytest.mark.parametrize("count", [0, 3, 99])
def test_vector_of_wrong_length(digits, count):
    genes = len(digits.space.genes)
    with pytest.raises(ValueError, match=rf"`arch`.*{genes} genes.*\({count},"):
        digits(IMAGES, np.zeros(count, "int32"))


def test_matrix_of_architectures(digits):
    matrix = np.stack([digits.space.encode(digits.space.smallest)] * 2)
    with pytest.raises(ValueError, match="`arch`.*an int32 vector"):
        digits(IMAGES, matrix)


@pytest.mark.parametrize("classes", [0, -1, 2.0, None])
def test_classes_must_be_a_positive_integer(classes):
    with pytest.raises(
        ValueError, match=f"`classes` must be a positive.*{classes}"
    ):
        Supernet("bignas_digits", classes=classes)


def test_unknown_family_and_mode():
    with pytest.raises(ValueError, match="bignas_digits.*Received.*'resnet9'"):
        Supernet("resnet9", classes=3)
    with pytest.raises(ValueError, match="`mode` must be one of"):
        Supernet("bignas_digits", classes=3, mode="fast")


def test_default_name(digits):
    assert digits.name == "bignas_digits_supernet"

import contracts
import keras
import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.models import Supernet
from keras_elastic.models import build_child
from keras_elastic.models.initial_weights import InitialWeights

FAMILY = families.get("bignas_lite", resolution=(16, 32), stem=(8,), head=(32,))
NARROWER = families.get("bignas_lite", resolution=(16, 32), head=(32,))
WITH_EXCITATION = families.get("bignas_digits")
LABELS = ("n1", "n2", "n3")
NAMES = ("goldfish", "crane", "crane")


def make_child(family=FAMILY, classes=3):
    plan = family.plan(family.space.largest, classes)
    child = build_child(plan)
    contracts.randomize(child)
    return plan, child


def test_a_network_becomes_the_largest_subnet():
    for family in (FAMILY, WITH_EXCITATION):
        plan, child = make_child(family)
        try:
            initial = InitialWeights.of_child("mine", plan, child)
        except ValueError as error:
            # The largest subnet of this family projects on its shortcuts.
            raise AssertionError(family.name) from error
        supernet = Supernet(family, 3)
        assert initial.give(supernet) == 3
        images = contracts.random_images(4, plan.resolution)
        np.testing.assert_allclose(
            supernet(
                images, family.space.largest, statistics=initial.statistics
            ),
            child(images, training=False),
            atol=1e-4,
        )


def test_a_supernet_with_other_classes_keeps_the_trunk():
    source = Supernet(FAMILY, 3)
    contracts.randomize(source)
    initial = InitialWeights.of_supernet("mine", source, LABELS, NAMES)
    target = Supernet(FAMILY, 4)
    new = target.head_classifier.get_weights()
    assert initial.give(target, ("x", "n3", "goldfish", "crane")) == 2
    kernel, bias = target.head_classifier.get_weights()
    theirs, _ = source.head_classifier.get_weights()
    np.testing.assert_array_equal(kernel[:, 1], theirs[:, 2])
    np.testing.assert_array_equal(kernel[:, 2], theirs[:, 0])
    # Two classes are called "crane": it is neither.
    for place in (0, 3):
        np.testing.assert_array_equal(kernel[:, place], new[0][:, place])
        assert bias[place] == new[1][place]
    np.testing.assert_array_equal(
        target.stem_conv.kernel, source.stem_conv.kernel
    )


@pytest.mark.parametrize("classes, known", [(3, 3), (5, 0)])
def test_without_labels_as_many_classes_are_the_same(classes, known):
    initial = InitialWeights.of_supernet("mine", Supernet(FAMILY, 3))
    assert initial.give(Supernet(FAMILY, classes), None) == known


def test_other_shapes_change_nothing():
    target = Supernet(NARROWER, 3)
    before = target.get_weights()
    initial = InitialWeights.of_supernet("mine", Supernet(FAMILY, 3))
    with pytest.raises(ValueError, match="'stem_conv'.*'mine'"):
        initial.give(target)
    for one, other in zip(before, target.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_missing_layer_is_named():
    initial = InitialWeights.of_supernet("mine", Supernet(FAMILY, 3))
    del initial.weights["stage3_block1_expand"]
    with pytest.raises(ValueError, match="'stage3_block1_expand'.*'mine'"):
        initial.give(Supernet(FAMILY, 3))


def test_a_network_without_a_layer_is_refused():
    plan, _ = make_child()
    inputs = keras.Input((32, 32, 3))
    other = keras.Model(inputs, keras.layers.Flatten()(inputs))
    with pytest.raises(ValueError, match="'stem_conv'.*'other'"):
        InitialWeights.of_child("other", plan, other)

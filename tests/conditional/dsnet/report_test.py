import dsnet_models
import numpy as np
import pytest

from keras_elastic.conditional import DSNet
from keras_elastic.conditional import dsnet_report
from keras_elastic.conditional.dsnet.report import flops_of
from keras_elastic.spaces import costs


@pytest.mark.slow
def test_report():
    images = dsnet_models.make_images(20)
    model = dsnet_models.make(dsnet_models.RESNET, images)
    found = dsnet_report(model, images, batch_size=8)
    _, chosen = model.route(images)
    for place, counts in enumerate(found.histogram):
        assert tuple(counts) == (50, 100, 150)
        expected = np.bincount(np.asarray(chosen)[:, place], minlength=3)
        assert list(counts.values()) == expected.tolist()
    assert found.flops == pytest.approx(
        flops_of(model, np.asarray(chosen)).mean()
    )
    assert 0 < found.milliseconds < 10_000
    text = str(found)
    assert f"{found.flops / 1e6:.1f} M multiply-adds" in text
    assert "gate 2: width, images" in text


def test_flops_of_every_width():
    model = DSNet("ds_mobilenet", 1000)
    family = model.family
    flops = flops_of(model, np.arange(14)[:, None])
    for arch, value in zip(DSNet.architectures(family), flops, strict=True):
        assert value == costs(family.plan(arch, 1000)).flops


def test_no_images():
    model = DSNet("ds_mobilenet_cifar10", 10)
    with pytest.raises(ValueError, match="`images` must hold at least one"):
        dsnet_report(model, np.zeros((0, 32, 32, 3), "float32"))

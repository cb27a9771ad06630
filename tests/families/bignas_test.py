import pytest

from keras_elastic import families
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs

# BigNAS (Yu et al., 2020), section 4: the child near 650 M.
BIGNAS_650M = Architecture(
    resolution=256,
    width=(32, 16, 24, 48, 88, 128, 216, 352, 1408),
    depth=(1, 2, 2, 2, 4, 4, 1),
    kernel_size=(3, 3, 5, 3, 5, 5, 3),
    expand_ratio=(1, 6, 6, 6, 6, 6, 6),
)

# Exact multiply-adds and parameters; printed: 203, 317, 444 and 709 M.
ATTENTIVENAS = {
    "A0": (203_389_568, 8_954_184),
    "A2": (316_730_080, 11_149_824),
    "A4": (443_530_752, 11_809_640),
    "A6": (709_007_232, 15_154_792),
}

ATTENTIVENAS_GENES = {
    "A0": Architecture(
        resolution=192,
        width=(16, 16, 24, 32, 64, 112, 192, 216, 1792),
        depth=(1, 3, 3, 3, 3, 3, 1),
        kernel_size=(3, 3, 3, 3, 3, 3, 3),
        expand_ratio=(1, 4, 4, 4, 4, 6, 6),
    ),
    "A2": Architecture(
        resolution=224,
        width=(16, 16, 24, 32, 64, 112, 200, 224, 1984),
        depth=(1, 3, 3, 3, 3, 4, 1),
        kernel_size=(3, 3, 3, 3, 3, 5, 3),
        expand_ratio=(1, 4, 5, 4, 4, 6, 6),
    ),
    "A4": Architecture(
        resolution=256,
        width=(16, 16, 24, 32, 64, 112, 192, 216, 1984),
        depth=(1, 3, 3, 4, 3, 5, 1),
        kernel_size=(3, 3, 3, 5, 3, 5, 3),
        expand_ratio=(1, 4, 4, 5, 4, 6, 6),
    ),
    "A6": Architecture(
        resolution=288,
        width=(16, 16, 24, 32, 64, 112, 216, 224, 1984),
        depth=(1, 3, 3, 4, 4, 6, 1),
        kernel_size=(3, 3, 3, 3, 3, 5, 3),
        expand_ratio=(1, 4, 6, 5, 4, 6, 6),
    ),
}


def test_bignas_child():
    plan = families.get("bignas").plan(BIGNAS_650M, classes=1000)
    found = costs(plan)
    assert f"{found.flops / 1e6:.1f} M" == "658.5 M"
    assert f"{found.params / 1e6:.2f} M" == "6.69 M"


def test_bignas_child_without_its_projections():
    plan = families.get("bignas").plan(BIGNAS_650M, classes=1000)
    projections = 0
    for block in plan.blocks:
        if block.shortcut is not None and block.shortcut[0].project:
            size = -(-block.shortcut[0].size // block.shortcut[0].strides)
            kernel = block.shortcut[0].in_channels * block.shortcut[0].filters
            projections += kernel * size**2
    without = costs(plan).flops - projections
    assert f"{without / 1e6:.1f} M" == "636.8 M"


@pytest.mark.parametrize("name", ATTENTIVENAS)
def test_attentivenas_children(name):
    family = families.get("attentivenas")
    plan = family.plan(ATTENTIVENAS_GENES[name], classes=1000)
    assert costs(plan)[:2] == ATTENTIVENAS[name]


def test_published_children_are_in_their_spaces():
    families.get("bignas").space.validate(BIGNAS_650M)
    for arch in ATTENTIVENAS_GENES.values():
        families.get("attentivenas").space.validate(arch)


def test_extremes_of_the_bignas_table():
    space = families.get("bignas").space
    assert space.smallest == Architecture(
        resolution=192,
        width=(32, 16, 24, 40, 80, 112, 192, 320, 1280),
        depth=(1, 2, 2, 2, 2, 2, 1),
        kernel_size=(3, 3, 3, 3, 3, 3, 3),
        expand_ratio=(1, 6, 6, 6, 6, 6, 6),
    )
    assert space.largest == Architecture(
        resolution=320,
        width=(40, 24, 32, 48, 88, 128, 216, 352, 1408),
        depth=(2, 3, 3, 4, 6, 6, 2),
        kernel_size=(3, 3, 5, 5, 5, 5, 5),
        expand_ratio=(1, 6, 6, 6, 6, 6, 6),
    )


def test_extremes_of_the_attentivenas_table():
    space = families.get("attentivenas").space
    assert space.smallest == ATTENTIVENAS_GENES["A0"]
    assert space.largest == Architecture(
        resolution=288,
        width=(24, 24, 32, 40, 72, 128, 216, 224, 1984),
        depth=(2, 5, 6, 6, 8, 8, 2),
        kernel_size=(5, 5, 5, 5, 5, 5, 5),
        expand_ratio=(1, 6, 6, 6, 6, 6, 6),
    )

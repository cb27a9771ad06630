from keras_elastic import families
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs


def test_the_width_of_dsnets_baseline():
    # DS-Net's paper gives 267 M for EfficientNet-B0 at 0.75x.
    family = families.get("efficientnet_width")
    arch = Architecture(224, (75,), (), (), ())
    assert round(costs(family.plan(arch, 1000)).flops / 1e6) == 267


def test_at_full_width_it_is_the_network():
    family = families.get("efficientnet_width")
    arch = Architecture(224, (100,), (), (), ())
    base, largest = families.network("efficientnet_b0")
    assert costs(family.plan(arch, 1000)) == costs(base.plan(largest, 1000))


def test_the_first_half_of_ds_efficientnet_is_narrow():
    family = families.get("ds_efficientnet")
    assert family.space.size == 21
    for percent in (75, 175):
        plan = family.plan(Architecture(224, (percent,), (), (), ()), 1000)
        widths = [block.out_channels for block in plan.blocks[:9]]
        assert widths == [16, 8, 16, 16, 24, 24, 40, 40, 40]
    assert plan.blocks[9].out_channels == 200

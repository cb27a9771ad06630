import numpy as np
import pytest

import keras_elastic
from keras_elastic.conditional.basisnet.variants import VARIANTS
from keras_elastic.conditional.basisnet.variants import variant
from keras_elastic.spaces import costs

MILLION = 1e6


def trainable(model):
    return sum(np.prod(v.shape) for v in model.trainable_variables)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", VARIANTS)
def test_a_built_network_is_what_it_costs(name):
    # Of fewer bases than published: the time goes into initial weights.
    model = keras_elastic.build(name, classes=10, num_bases=2)
    assert trainable(model) == model.costs.params
    assert model.costs == variant(name, num_bases=2).costs(10)
    assert model.name == name
    assert model.output_shape == (None, 10)
    assert model.input_shape == (None, 224, 224, 3)


def test_the_papers_defaults():
    v2 = variant("basisnet_mobilenet_v2")
    assert (v2.num_bases, list(v2.basis_blocks)) == (8, [*range(11, 18)])
    light, specialist = v2.plans(1000)
    assert (light.resolution, specialist.resolution) == (128, 224)
    assert round(costs(light).flops / MILLION, 2) == 30.30
    assert round(costs(specialist).flops / MILLION, 2) == 300.77
    v3 = variant("basisnet_mobilenet_v3")
    assert (v3.num_bases, list(v3.basis_blocks)) == (16, [*range(8, 16)])
    light, specialist = v3.plans(1000)
    assert round(costs(light).flops / MILLION, 2) == 19.85
    assert round(costs(specialist).flops / MILLION, 1) == 216.6


def test_variants_of_the_supplement():
    options = {"first_basis_block": 11, "light_resolution": 224}
    for num_bases, params in ((1, 8.03), (16, 24.83), (128, 150.3)):
        found = variant(
            "basisnet_mobilenet_v3", num_bases=num_bases, **options
        ).costs()
        assert found.params / MILLION == pytest.approx(params, abs=0.06)
    flops = [
        variant(
            "basisnet_mobilenet_v2", light_resolution=size, light_width=width
        )
        .costs()
        .light_flops
        for width in (35, 50, 75, 100)
        for size in (128, 160, 192, 224)
    ]
    assert len(set(flops)) == 16


def test_options_reach_the_model():
    model = keras_elastic.build(
        "basisnet_mobilenet_v3",
        classes=7,
        num_bases=2,
        first_basis_block=12,
        last_basis_block=13,
        resolution=64,
        width=35,
        light_resolution=32,
        light_width=50,
        activation="sigmoid",
        exit_threshold=0.5,
        dropout=0.3,
        method="sum",
        dtype="mixed_float16",
    )
    config = model.get_config()
    assert config["num_bases"] == 2
    assert config["basis_blocks"] == [12, 13]
    assert config["activation"] == "sigmoid"
    assert config["exit_threshold"] == 0.5
    assert config["method"] == "sum"
    assert config["light"]["resolution"] == 32
    assert model.input_shape == (None, 64, 64, 3)
    assert {rate for rate, _ in model.dropouts.values()} == {0.3}
    assert model.get_layer("specialist_stem_conv").compute_dtype == "float16"
    assert trainable(model) == model.costs.params


def test_condconv_options():
    model = keras_elastic.build(
        "condconv_efficientnet_b0",
        classes=3,
        num_bases=2,
        first_basis_block=16,
        resolution=64,
        dropout=0.1,
    )
    assert model.basis_blocks == (16,)
    assert model.get_layer("head_dropout").rate == 0.1
    assert model.input_shape == (None, 64, 64, 3)


def test_condconv_is_as_wide_as_the_published_network():
    flops = {
        num_bases: variant("condconv_mobilenet_v3_large", num_bases=num_bases)
        .costs()
        .flops
        for num_bases in (1, 16)
    }
    # MobileNet v3-L of one width, and experts' mixing: 15 x 1.1150 M.
    assert round(flops[1] / MILLION, 1) == 216.6
    assert flops[16] - flops[1] == pytest.approx(15 * 1.115e6, rel=0.01)
    # Any network of widths, by the width or at 100 %.
    half = variant("condconv_mobilenet_v3_large", width=50, num_bases=1)
    assert half.costs().flops < 0.4 * flops[1]
    other = variant(
        "condconv_efficientnet_b0",
        network="mobilenet_v3_large",
        last_basis_block=15,
    )
    assert other.costs().flops < 1.1 * flops[1]


def test_a_network_of_one_width_has_no_other():
    with pytest.raises(ValueError, match="`width` must be None for"):
        variant("condconv_efficientnet_b0", width=50).costs()


def test_an_unknown_option_lists_the_known():
    with pytest.raises(ValueError, match="num_bases.*Received.*depth"):
        keras_elastic.build("basisnet_mobilenet_v3", depth=3)

import numpy as np
import pytest

from keras_elastic import Supernet
from keras_elastic import families
from keras_elastic import layers
from keras_elastic.training import EnsembleBootstrapping
from keras_elastic.training import Sandwich
from keras_elastic.training.settings import StepSettings
from keras_elastic.training.task import SubnetTask


@pytest.fixture(scope="module")
def mobilenet():
    """Depthwise and other convolutions, normalizations, a dense layer."""
    return Supernet(families.get("mobilenet_v2"), classes=3)


def decayed(supernet, kind):
    """Paths of the variables that decay."""
    flags = StepSettings(decayed=kind).decays(
        supernet, supernet.trainable_variables
    )
    return {
        variable.path
        for variable, decays in zip(
            supernet.trainable_variables, flags, strict=True
        )
        if decays
    }


def paths(supernet, ending):
    found = {
        variable.path
        for variable in supernet.trainable_variables
        if variable.path.endswith(ending)
    }
    assert found
    return found


def test_kernels_decay(mobilenet):
    assert decayed(mobilenet, "kernels") == paths(mobilenet, "kernel")


def test_dense_kernels_are_all_but_the_depthwise_ones(mobilenet):
    depthwise = paths(mobilenet, "depthwise/kernel")
    assert len(depthwise) == sum(
        isinstance(layer, layers.ElasticDepthwiseConv2D)
        for layer in mobilenet.layers
    )
    expected = paths(mobilenet, "kernel") - depthwise
    assert decayed(mobilenet, "dense_kernels") == expected


def test_all_is_everything(mobilenet):
    assert decayed(mobilenet, "all") == paths(mobilenet, "")
    assert len(decayed(mobilenet, "all")) == len(mobilenet.trainable_variables)


def test_transforms_of_depthwise_kernels_are_depthwise():
    supernet = Supernet("ofa_mobilenet_v3", classes=3)
    dense = decayed(supernet, "dense_kernels")
    assert not any("depthwise" in path for path in dense)
    assert any("expand/kernel" in path for path in dense)


def test_all_layers_of_a_dynamic_gate_are_spared():
    supernet = Supernet("ds_mobilenet_cifar10", classes=3)
    task = SubnetTask(supernet, Sandwich(), EnsembleBootstrapping())
    variables = supernet.trainable_variables

    def decaying(kind):
        flags = StepSettings(decayed=kind).decays(
            supernet, variables, task.spared
        )
        pairs = zip(variables, flags, strict=True)
        return {variable.path for variable, decays in pairs if decays}

    # The gate is in the first block of the first stage that it changes.
    gate = {p for p in decayed(supernet, "kernels") if "stage3_block1_att" in p}
    assert len(gate) == 2
    assert decaying("kernels") == decayed(supernet, "kernels") - gate
    assert decaying("dense_kernels").isdisjoint(gate)
    assert decaying("all") >= gate


# Mixup


def test_mixing_is_one_share_for_each_pair():
    mixing = StepSettings(mixup=0.2).draw_mixing(8, step=3)
    assert mixing.shape == (4,)
    assert mixing.dtype == "float32"
    assert len(set(mixing)) == 4
    assert (mixing >= 0).all() and (mixing <= 1).all()


def test_mixing_depends_on_seed_and_step_only():
    settings = StepSettings(mixup=1.0, seed=5)
    first = settings.draw_mixing(8, 3)
    settings.draw_mixing(8, 4)
    np.testing.assert_array_equal(first, settings.draw_mixing(8, 3))
    assert not np.array_equal(first, settings.draw_mixing(8, 4))
    other = StepSettings(mixup=1.0, seed=6)
    assert not np.array_equal(first, other.draw_mixing(8, 3))


def test_mixing_is_beta_distributed():
    mixing = StepSettings(mixup=0.2).draw_mixing(40_000, 0)
    assert mixing.mean() == pytest.approx(0.5, abs=0.02)
    # Of Beta(a, a): 1 / (4 * (2 * a + 1)).
    assert mixing.var() == pytest.approx(1 / (4 * 1.4), rel=0.03)


def test_without_mixup_nothing_is_mixed():
    settings = StepSettings()
    np.testing.assert_array_equal(settings.draw_mixing(7, 0), np.ones(3))
    values = np.arange(7.0)
    assert settings.mix(values, np.ones(3)) is values


@pytest.mark.parametrize("shape", [(6,), (6, 2), (6, 2, 2, 3)])
def test_neighbors_are_mixed(shape):
    rng = np.random.default_rng(0)
    values = rng.normal(size=shape).astype("float32")
    mixing = np.array([1.0, 0.25, 0.5], "float32")
    mixed = StepSettings(mixup=0.2).mix(values, mixing)
    for pair, share in enumerate(mixing):
        a, b = values[2 * pair], values[2 * pair + 1]
        np.testing.assert_allclose(
            mixed[2 * pair], share * a + (1 - share) * b, rtol=1e-5, atol=1e-6
        )
        np.testing.assert_allclose(
            mixed[2 * pair + 1],
            share * b + (1 - share) * a,
            rtol=1e-5,
            atol=1e-6,
        )


def test_a_mixed_part_is_a_part_of_what_is_mixed():
    # So replicas, and parts of a batch, mix as one replica does.
    rng = np.random.default_rng(0)
    settings = StepSettings(mixup=0.2)
    values = rng.normal(size=(8, 3)).astype("float32")
    mixing = settings.draw_mixing(8, 0)
    halves = [
        settings.mix(values[:4], mixing[:2]),
        settings.mix(values[4:], mixing[2:]),
    ]
    np.testing.assert_array_equal(
        np.concatenate(halves), settings.mix(values, mixing)
    )


def test_targets_are_smoothed():
    settings = StepSettings(label_smoothing=0.3)
    np.testing.assert_allclose(
        settings.targets(np.array([1]), 3), [[0.1, 0.8, 0.1]], rtol=1e-6
    )


# Seeds


@pytest.mark.parametrize("seed", [0, 2**31 - 1, 2**31, 2**63, 2**200])
def test_dropout_seeds_fit_into_int32(seed):
    seeds = [StepSettings(seed=seed).dropout_seed(n) for n in range(50)]
    assert len(set(seeds)) == 50
    assert all(0 <= value < 2**31 for value in seeds)


@pytest.mark.parametrize("seed", [2**31, 2**200])
def test_huge_seeds_draw_mixing(seed):
    assert StepSettings(mixup=0.2, seed=seed).draw_mixing(4, 0).shape == (2,)


def test_seeds_differ():
    seeds = {StepSettings(seed=seed).dropout_seed(0) for seed in range(100)}
    assert len(seeds) == 100


# Errors


@pytest.mark.parametrize(
    "arguments",
    [
        {"label_smoothing": 1.0},
        {"label_smoothing": -0.1},
        {"weight_decay": -1.0},
        {"mixup": -0.2},
        {"seed": -1},
        {"clip_norm": 0.0},
        {"clip_value": -1.0},
        {"accumulation_steps": 0},
        {"decayed": "biases"},
    ],
)
def test_arguments_out_of_range_are_refused(arguments):
    [(name, value)] = arguments.items()
    expected = rf"`{name}` must.*Received: {name}={value!r}"
    with pytest.raises(ValueError, match=expected):
        StepSettings(**arguments)


def test_not_a_number_is_out_of_range():
    with pytest.raises(ValueError, match="`clip_norm` must be positive"):
        StepSettings(clip_norm=float("nan"))

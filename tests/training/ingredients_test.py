import keras
import numpy as np
import pytest

from keras_elastic.spaces import skeletons
from keras_elastic.training import AdaptiveAlphaDivergence
from keras_elastic.training import AttentiveSandwich
from keras_elastic.training import EnsembleBootstrapping
from keras_elastic.training import InPlaceDistillation
from keras_elastic.training import RandomSubnets
from keras_elastic.training import Recipe
from keras_elastic.training import Sandwich
from keras_elastic.training import Supervised
from keras_elastic.training.ingredients import NAMES
from keras_elastic.training.objectives import PrioritizedDistillation
from keras_elastic.training.settings import StepSettings

RECIPE = Recipe(
    name="mine",
    family="bignas_digits",
    dataset="digits",
    patch_size=12,
    batch_size=64,
    epochs=20,
    learning_rate=0.1,
    budgets=(1e6,),
    warmup_epochs=2.0,
    decay_epochs=0.5,
)
SPACE = RECIPE.make_family().space
STEPS = 10


# Samplers


@pytest.mark.parametrize(
    "name, expected",
    [
        ("sandwich", Sandwich(num_random=3, space=SPACE)),
        ("mutual", Sandwich(num_random=3, space=SPACE, mutual=True)),
        (
            "mutual_all",
            Sandwich(num_random=3, space=SPACE, mutual=True, largest_too=True),
        ),
        ("random", RandomSubnets(num_random=3, space=SPACE)),
        ("fair", RandomSubnets(num_random=3, space=SPACE, fair=True)),
        (
            "best_up",
            AttentiveSandwich(num_random=3, space=SPACE, num_candidates=5),
        ),
        (
            "worst_up",
            AttentiveSandwich(
                num_random=3, space=SPACE, num_candidates=5, prefer="worst"
            ),
        ),
    ],
)
def test_samplers(name, expected):
    recipe = RECIPE.replace(sampler=name, num_random=3, num_candidates=5)
    assert recipe.make_sampler() == expected


def test_samplers_of_a_part_of_the_space():
    resolutions = SPACE.resolution[::-1][:2]
    recipe = RECIPE.replace(
        training_resolutions=resolutions,
        keep_largest={"depth": 1, "kernel_size": 1},
    )
    part = recipe.make_sampler().space
    assert part.resolution == tuple(sorted(resolutions))
    assert part.depth == tuple(gene[-1:] for gene in SPACE.depth)
    assert part.width == SPACE.width


def test_a_sampler_of_the_skeletons():
    recipe = RECIPE.replace(
        drawn_from="skeletons", keep_largest={"kernel_size": 1}
    )
    archs = recipe.make_sampler().archs
    part = SPACE.keep_largest(kernel_size=1)
    assert set(archs) == {part.canonical(arch) for arch in skeletons(part)}
    assert len(set(archs)) == len(archs)


def test_a_sampler_of_a_front():
    rng = np.random.default_rng(0)
    front = [SPACE.smallest, SPACE.largest, *(SPACE.sample(rng),) * 2]
    recipe = RECIPE.replace(drawn_from="a/front.csv")
    assert recipe.make_sampler(front).archs == tuple(front[:3])
    # What a phase does not train is left out.
    recipe = recipe.replace(keep_largest={"depth": 1})
    shallow, deep = front[:2]
    assert deep in recipe.make_sampler(front).archs
    assert shallow not in recipe.make_sampler(front).archs


@pytest.mark.parametrize("archs", [None, [], [SPACE.smallest]])
def test_a_sampler_of_nothing_is_refused(archs):
    recipe = RECIPE.replace(drawn_from="mine", keep_largest={"depth": 1})
    with pytest.raises(ValueError, match="`drawn_from`.*'mine'"):
        recipe.make_sampler(archs)


@pytest.mark.parametrize("name", ["sandwich", "best_up"])
def test_bootstrapped_subnets_are_apart_from_the_ends(name):
    recipe = RECIPE.replace(sampler=name)
    assert not recipe.make_sampler().apart
    recipe = recipe.replace(objective="ensemble_bootstrapping")
    assert recipe.make_sampler().apart


def test_the_smallest_comes_last_where_others_teach_it():
    assert not RECIPE.make_sampler().smallest_last
    recipe = RECIPE.replace(objective="prioritized_distillation")
    assert recipe.make_sampler().smallest_last


# Objectives


@pytest.mark.parametrize(
    "name, kind",
    [
        ("in_place_distillation", InPlaceDistillation),
        ("supervised", Supervised),
        ("prioritized_distillation", PrioritizedDistillation),
        ("ensemble_bootstrapping", EnsembleBootstrapping),
    ],
)
def test_objectives(name, kind):
    def teacher(images):
        return images

    recipe = RECIPE.replace(
        objective=name,
        divergence="alpha",
        teacher_weight=0.5,
        temperature=4.0,
        label_weight=0.25,
    )
    objective = recipe.make_objective(teacher)
    assert type(objective) is kind
    assert objective.divergence == AdaptiveAlphaDivergence()
    assert objective.teacher is teacher
    assert (objective.teacher_weight, objective.temperature) == (0.5, 4.0)
    assert objective.label_weight == 0.25
    assert recipe.make_objective().teacher is None


# Optimizers


def rates(recipe):
    """Learning rates at the end of the warm-up, later, and at the end."""
    schedule = recipe.make_optimizer(STEPS)._learning_rate
    last = recipe.epochs * STEPS
    return [float(schedule(step)) for step in (0, 19, 20, 110, last)]


def test_rmsprop():
    optimizer = RECIPE.make_optimizer(STEPS)
    assert isinstance(optimizer, keras.optimizers.RMSprop)
    assert optimizer.rho == optimizer.momentum == 0.9
    assert optimizer.epsilon == 1e-3
    assert not optimizer.use_ema
    # Weight decay is the step's.
    assert not optimizer.weight_decay


def test_the_accumulators_of_rmsprop():
    gradient, steps = np.array([0.5, -2.0], "float32"), 3
    moved = {}
    for begin in (0.0, 1.0):
        recipe = RECIPE.replace(
            initial_accumulator=begin, decay_rate=1.0, warmup_epochs=0.0
        )
        optimizer = recipe.make_optimizer(STEPS)
        weight = keras.Variable(np.zeros(2, "float32"))
        optimizer.build([weight])
        for _ in range(steps):
            optimizer.apply([gradient], [weight])
        # As TensorFlow's RMSPropOptimizer does it.
        square, momentum = np.full(2, begin), np.zeros(2)
        expected = np.zeros(2)
        for _ in range(steps):
            square = 0.9 * square + 0.1 * gradient**2
            step = 0.1 * gradient / np.sqrt(square + 1e-3)
            momentum = 0.9 * momentum + step
            expected -= momentum
        moved[begin] = keras.ops.convert_to_numpy(weight)
        np.testing.assert_allclose(moved[begin], expected, rtol=1e-4)
    assert (np.abs(moved[0.0]) > 1.4 * np.abs(moved[1.0])).all()
    with pytest.raises(ValueError, match="`initial_accumulator`.*at least 0"):
        RECIPE.replace(initial_accumulator=-1.0)


def test_sgd():
    optimizer = RECIPE.replace(optimizer="sgd").make_optimizer(STEPS)
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert optimizer.momentum == 0.9
    assert optimizer.nesterov


@pytest.mark.parametrize("name", NAMES["optimizer"])
def test_the_average_of_the_weights(name):
    recipe = RECIPE.replace(optimizer=name, ema_momentum=0.997)
    optimizer = recipe.make_optimizer(STEPS)
    assert optimizer.use_ema
    assert optimizer.ema_momentum == 0.997
    # Training goes on with the weights themselves.
    assert optimizer.ema_overwrite_frequency is None


def test_exponential():
    # Decays every five steps, from the first step on.
    expected = [0.1 / 20, 0.1 * 0.97**3, 0.1 * 0.97**4, 0.1 * 0.97**22]
    assert rates(RECIPE)[:4] == pytest.approx(expected)
    floored = RECIPE.replace(ending=0.5)
    assert rates(floored)[-1] == pytest.approx(0.05)


def test_linear():
    recipe = RECIPE.replace(schedule="linear")
    assert rates(recipe) == pytest.approx([0.1 / 20, 0.1, 0.1, 0.05, 0.0])


def test_cosine():
    recipe = RECIPE.replace(schedule="cosine")
    expected = [0.1 / 20, 0.1, 0.1, 0.05, 0.0]
    assert rates(recipe) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("schedule", NAMES["schedule"])
@pytest.mark.parametrize("warmup", [0.0, 0.25, 20.0, 40.0])
def test_any_warm_up_has_a_schedule(schedule, warmup):
    recipe = RECIPE.replace(schedule=schedule, warmup_epochs=warmup)
    assert all(0 <= rate <= 0.1 + 1e-7 for rate in rates(recipe))


# Settings


def test_settings_of_a_step():
    recipe = RECIPE.replace(
        mixup=0.2,
        clip_norm=1.0,
        decayed="all",
        accumulation_steps=2,
        seed=3,
        weight_decay=0.5,
        label_smoothing=0.0,
        clip_value=0.1,
    )
    settings = StepSettings(**recipe.step_settings())
    assert settings == StepSettings(
        mixup=0.2,
        clip_norm=1.0,
        decayed="all",
        accumulation_steps=2,
        seed=3,
        weight_decay=0.5,
        label_smoothing=0.0,
        clip_value=0.1,
    )

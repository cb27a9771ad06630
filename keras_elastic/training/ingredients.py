"""What the names in a recipe stand for."""

import dataclasses

import keras
import numpy as np

from keras_elastic.spaces import skeletons
from keras_elastic.training.objectives import DIVERGENCES
from keras_elastic.training.objectives import OBJECTIVES
from keras_elastic.training.samplers import AttentiveSandwich
from keras_elastic.training.samplers import RandomSubnets
from keras_elastic.training.samplers import Sandwich
from keras_elastic.training.schedules import ExponentialWithConstantEnding
from keras_elastic.training.schedules import WarmUp
from keras_elastic.training.settings import DECAYED

# Fields of a recipe that name one of several things.
NAMES = {
    "sampler": (
        "sandwich",
        "mutual",
        "mutual_all",
        "best_up",
        "worst_up",
        "random",
        "fair",
    ),
    "objective": tuple(OBJECTIVES),
    "divergence": tuple(DIVERGENCES),
    "optimizer": ("rmsprop", "sgd"),
    "schedule": ("exponential", "cosine", "linear"),
    "decayed": DECAYED,
    "trained": ("all", "head"),
    # Not float16: it needs the loss to be scaled, bfloat16 does not.
    "dtype": ("float32", "mixed_bfloat16"),
}

# Fields of a recipe that are fields of `StepSettings`.
SETTINGS = (
    "label_smoothing",
    "weight_decay",
    "decayed",
    "mixup",
    "clip_norm",
    "clip_value",
    "accumulation_steps",
    "seed",
)


# What `drawn_from` calls the coarse grid of BigNAS.
SKELETONS = "skeletons"
# What `initial` calls weights of no network.
RANDOM = "random"


def make_sampler(recipe, archs=None):
    """Returns the sampler of a recipe.

    Args:
        recipe: `Recipe`.
        archs: Architectures that its `drawn_from` names, unless it is `None`
            or `"skeletons"`.

    Raises:
        ValueError: There are none, or the recipe trains none of them.
    """
    space = trained_space(recipe)
    common = {
        "num_random": recipe.num_random,
        "space": space,
        "archs": _drawn_from(recipe, space, archs),
    }
    if recipe.sampler in ("random", "fair"):
        return RandomSubnets(fair=recipe.sampler == "fair", **common)
    # Who is taught by the largest is neither it nor, once more, the smallest.
    common["apart"] = recipe.objective == "ensemble_bootstrapping"
    # The smallest learns from those before it.
    common["smallest_last"] = recipe.objective == "prioritized_distillation"
    if recipe.sampler in ("best_up", "worst_up"):
        return AttentiveSandwich(
            num_candidates=recipe.num_candidates,
            prefer=recipe.sampler.removesuffix("_up"),
            **common,
        )
    return Sandwich(
        mutual=recipe.sampler in ("mutual", "mutual_all"),
        largest_too=recipe.sampler == "mutual_all",
        same_resolution=recipe.same_resolution,
        **common,
    )


def trained_space(recipe):
    """Returns the part of the family's space that a recipe trains."""
    space = recipe.make_family().space
    if recipe.training_resolutions is not None:
        resolution = tuple(sorted(recipe.training_resolutions))
        space = dataclasses.replace(space, resolution=resolution)
    return space.keep_largest(**recipe.keep_largest)


def _drawn_from(recipe, space, archs):
    """The architectures to draw from that are in a part of the space."""
    if recipe.drawn_from is None:
        return None
    if recipe.drawn_from == SKELETONS:
        archs = skeletons(space)
    inside = [arch for arch in archs or () if space.contains(arch)]
    if not inside:
        raise ValueError(
            "`drawn_from` must name architectures that the recipe "
            f"'{recipe.name}' trains, of its `training_resolutions` and "
            f"`keep_largest`. Received: {recipe.drawn_from!r}, which has none."
        )
    # Those that differ in blocks that are left out are one network.
    return tuple(dict.fromkeys(space.canonical(arch) for arch in inside))


def make_objective(recipe, teacher):
    """Returns the objective of a recipe."""
    return OBJECTIVES[recipe.objective](
        divergence=recipe.divergence,
        teacher=teacher,
        teacher_weight=recipe.teacher_weight,
        temperature=recipe.temperature,
        label_weight=recipe.label_weight,
    )


def make_optimizer(recipe, steps_per_epoch):
    """Returns the optimizer of a recipe.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 4.2: RMSProp. Once-for-All,
      US-Net, MutualNet and AttentiveNAS: SGD with Nesterov momentum.
    """
    schedule = _make_schedule(recipe, steps_per_epoch)
    average = {}
    if recipe.ema_momentum is not None:
        average = {"use_ema": True, "ema_momentum": recipe.ema_momentum}
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(
            schedule, momentum=0.9, nesterov=True, **average
        )
    settings = {"rho": 0.9, "momentum": 0.9, "epsilon": 1e-3, **average}
    if not recipe.initial_accumulator:
        return keras.optimizers.RMSprop(schedule, **settings)
    return RMSpropFrom(recipe.initial_accumulator, schedule, **settings)


class RMSpropFrom(keras.optimizers.RMSprop):
    """RMSProp whose mean squares of gradients begin at a number.

    TensorFlow's, which BigNAS was trained with, begins at 1. From Keras's 0
    the first step is 1 / sqrt(1 - rho) times the learning rate whatever the
    gradient: here some 20 times as large.

    Args:
        initial_accumulator: Float.
        *arguments: Those of `keras.optimizers.RMSprop`.
        **settings: As `arguments`.
    """

    def __init__(self, initial_accumulator, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self._initial_accumulator = initial_accumulator

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        for mean_square in self._velocities:
            begin = np.full(mean_square.shape, self._initial_accumulator)
            mean_square.assign(begin.astype("float32"))


def _make_schedule(recipe, steps_per_epoch):
    warmup_steps = round(recipe.warmup_epochs * steps_per_epoch)
    if recipe.schedule == "exponential":
        return ExponentialWithConstantEnding(
            recipe.learning_rate,
            decay_steps=recipe.decay_epochs * steps_per_epoch,
            decay_rate=recipe.decay_rate,
            ending=recipe.ending,
            warmup_steps=warmup_steps,
        )
    steps = max(1, recipe.epochs * steps_per_epoch - warmup_steps)
    schedules = keras.optimizers.schedules
    if recipe.schedule == "cosine":
        decay = schedules.CosineDecay(recipe.learning_rate, steps)
    else:
        decay = schedules.PolynomialDecay(
            recipe.learning_rate, steps, end_learning_rate=0.0
        )
    return WarmUp(decay, warmup_steps)

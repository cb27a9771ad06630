"""What a training step computes, on every backend and strategy: a task."""

from collections.abc import Callable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

import numpy as np
from keras import ops

from keras_elastic.training import teachers

if TYPE_CHECKING:
    import keras

    from keras_elastic.training.settings import StepSettings


class Task:
    """A model, what of it is trained, and on which loss.

    A step makes one or more passes over a batch, one after another, and
    applies the sum of their gradients once. A task says how many passes, and
    what each of them learns from. All that is random in a step is drawn
    outside of the replicas, from `(seed, step)`.

    A subclass sets `model`, `variables` (those that are trained) and
    `classes`, and writes `chance` and `loss`; one with several passes writes
    `choose` and `run` too. `SubnetTask`, `BasisNetTask` and `GateTask` are
    tasks.
    """

    model: Any
    variables: Any
    classes: Any
    # Names of the metrics that `loss` returns.
    metrics: tuple[str, ...] = ("accuracy",)
    # Rate and features of the dropouts whose masks the step draws, by name.
    dropouts: Mapping[str, tuple[float, int]] = {}
    # Names of layers whose kernels do not decay.
    spared: tuple[str, ...] = ()
    # Where XLA needs a constant for each: the values of `case`.
    cases: tuple[Any, ...] = (None,)

    def chance(self) -> float:
        """Returns the loss of a model that guesses."""
        raise NotImplementedError

    def check(
        self, optimizer: "keras.Optimizer", settings: "StepSettings"
    ) -> None:
        """Raises a `ValueError` unless they can train the task.

        Args:
            optimizer: `keras.optimizers.Optimizer`.
            settings: `StepSettings`.
        """

    def choose(
        self, seed: int, step: int, losses: Callable[[Any], Any]
    ) -> np.ndarray:
        """Draws what the passes of a step differ in.

        Args:
            seed: Integer.
            step: Integer.
            losses: Function from such choices, (count, ...), to their mean
                losses on the step's global batch, (count,).

        Returns:
            int32 array of shape (passes, ...).
        """
        return np.zeros((1, 0), "int32")

    def draw(
        self, rng: np.random.Generator, batch_size: int, step: int
    ) -> dict[str, np.ndarray]:
        """Draws what else is random in a step.

        Args:
            rng: `np.random.Generator` of the step.
            batch_size: Integer. Images of the global batch.
            step: Integer.

        Returns:
            Dictionary of arrays whose first axis is the global batch.
        """
        return {}

    def loss(self, batch: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Returns the loss of each image, and metrics.

        Args:
            batch: Dictionary of tensors: `"images"`, pixels of shape (batch,
                height, width, 3); `"targets"`, probabilities of shape (batch,
                classes); `"labels"`, integers of shape (batch,); and what
                `draw` returned.

        Returns:
            Losses of shape (batch,), and a dictionary from `metrics` to
            float32 tensors of shape (batch,).
        """
        raise NotImplementedError

    def begin(
        self,
        batch: Mapping[str, Any],
        choices: Any,
        averaged: Callable[[Any], Any],
    ) -> dict[str, Any]:
        """Prepares what the passes learn from.

        Args:
            batch: As `loss`.
            choices: What `choose` returned.
            averaged: Function from choices, (count, ...), to the logits by
                the moving average of the weights, (count, batch, classes).

        Returns:
            Dictionary of tensors: the lessons.
        """
        return {}

    def run(
        self,
        batch: Mapping[str, Any],
        lessons: dict[str, Any],
        index: Any,
        choice: Any,
        case: Any = None,
    ) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """Runs a pass.

        Args:
            batch: As `loss`.
            lessons: What `begin`, or the pass before, returned.
            index: Integer or scalar tensor. Place of the pass in the step.
            choice: The pass's row of what `choose` returned.
            case: One of `cases`.

        Returns:
            What `loss` returns, and the lessons of the next pass.
        """
        return *self.loss(batch), lessons

    def case_of(self, choice: Any) -> Any:
        """Index of a choice's case, an int32 scalar tensor."""
        return ops.zeros((), "int32")

    def name_logs(self, logs: Mapping[str, Any]) -> dict[str, float]:
        """Names the logs of a step.

        Args:
            logs: Dictionary from "loss" and the metrics to arrays of shape
                (passes,).

        Returns:
            Dictionary of floats.
        """
        return {name: float(values[0]) for name, values in logs.items()}


class SubnetTask(Task):
    """Trains the subnets of a supernet that a sampler draws for each step.

    A pass is a subnet. Only the first has dropout and drops paths. The
    attention that a gate of DS-Net will replace has no weight decay.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 3: sandwich rule, regularizing
      the biggest model only.
    - Dynamic Slimmable Network (Li et al., CVPR 2021), section A of the
      supplement: no weight decay in all layers of the dynamic gate.

    Args:
        supernet: `Supernet`.
        sampler: See `samplers`.
        objective: What the subnets learn from; see `objectives`.
        statistics: Fixed statistics of the normalizations, or `None`.
        paths: Dictionary from the names of residual blocks to how often an
            image does without what they add; see `path_rates`.

    Raises:
        ValueError: The objective's teacher knows other classes.
    """

    def __init__(
        self, supernet, sampler, objective, statistics=None, paths=None
    ):
        teachers.check_classes(objective.teacher, supernet.classes)
        self.model = supernet
        self.sampler = sampler
        self.objective = objective
        self.statistics = statistics
        self.classes = supernet.classes
        self.variables = supernet.trainable_variables
        masked_paths = {n: (rate, 1) for n, rate in (paths or {}).items()}
        self.dropouts = {**supernet.dropouts, **masked_paths}
        self.cases = supernet.space.resolution
        gates = getattr(supernet.family, "gates", ())
        self.spared = tuple(gate.operation for gate in gates)

    def check(self, optimizer, settings):
        """As `Task.check`."""
        check_compilable(settings.jit_compile, self.model.mode)
        check_average(self.objective, optimizer)

    def chance(self):
        """Loss of a first subnet that guesses."""
        return self.objective.chance(self.classes)

    def choose(self, seed, step, losses):
        """Draws the encoded architectures of a step, (subnets, genes)."""
        return self.sampler.draw(self.model, seed, step, losses)

    def begin(self, batch, choices, averaged):
        """As `Task.begin`."""
        return self.objective.begin(
            batch["images"], batch["targets"], choices, averaged
        )

    def run(self, batch, lessons, index, choice, case=None):
        """As `Task.run`."""
        masks = self.masks(batch, index)
        logits = self.logits(batch["images"], choice, case, masks)
        losses = self.objective.loss(lessons, index, logits)
        best = ops.argmax(logits, axis=-1)
        hits = ops.equal(best, ops.cast(batch["labels"], best.dtype))
        return (
            losses,
            {"accuracy": ops.cast(hits, "float32")},
            self.objective.learn(lessons, index, logits),
        )

    def masks(self, batch, index):
        """The masks of the dropouts: for the first subnet only."""
        return {
            name: ops.where(ops.equal(index, 0), mask, ops.ones_like(mask))
            for name, mask in batch["masks"].items()
        }

    def logits(self, images, choice, case=None, masks=None):
        """Returns the logits of a subnet, (batch, classes).

        Args:
            images: Tensor of pixels.
            choice: Encoded architecture: an array where sizes are numbers, a
                tensor where they are tensors.
            case: A resolution that is known before, or `None`.
            masks: Masks of the dropouts, or `None`.
        """
        if isinstance(choice, np.ndarray):
            choice = self.model.space.decode(choice)
        return self.model(
            images,
            choice,
            resolution=case,
            statistics=self.statistics,
            dropout_masks=masks,
        )

    def case_of(self, choice):
        """Index of the resolution of an encoded architecture."""
        return ops.cast(ops.argmax(ops.equal(self.cases, choice[0])), "int32")

    def name_logs(self, logs):
        """The first subnet's logs have the names that callbacks expect."""
        named = super().name_logs(logs)
        for place, name in enumerate(self.sampler.names()[1:], start=1):
            for metric, values in logs.items():
                named[f"{name}_{metric}"] = float(values[place])
        return named


def path_rates(supernet, rate, stages=None):
    """Rates of drop path, by the names of residual blocks.

    They grow linearly from the first block on, to `rate` in the last.

    References:
    - Deep Networks with Stochastic Depth (Huang et al., ECCV 2016), section 3:
      linear decay.
    - The release of AttentiveNAS: 0.2, in the last two stages, of the largest
      subnet alone.

    Args:
        supernet: `Supernet`.
        rate: Float. 0 for none.
        stages: Integer. Drops in so many of the last stages, `None` in all.

    Returns:
        Dictionary of floats.
    """
    if not rate:
        return {}
    plan = supernet.family.plan(supernet.space.largest, supernet.classes)
    names = [block.name for block in plan.blocks if block.shortcut is not None]
    rates = {n: rate * (i + 1) / len(names) for i, n in enumerate(names)}
    in_order = dict.fromkeys(map(_stage_of, names))
    kept = [*in_order][-stages if stages else 0 :]
    return {n: value for n, value in rates.items() if _stage_of(n) in kept}


def _stage_of(block):
    return block.rpartition("_")[0]


def check_average(objective, optimizer):
    """Raises a `ValueError` if an objective needs an average, and has none."""
    if objective.needs_average and not optimizer.use_ema:
        raise ValueError(
            f"The objective {type(objective).__name__} needs the moving "
            "average of the weights. Received: an optimizer with "
            "use_ema=False. Pass `use_ema=True, ema_momentum=0.997`; in a "
            "recipe, `ema_momentum`."
        )


def check_compilable(jit_compile, mode):
    """Raises a `ValueError` if XLA cannot compile a mode of the supernet."""
    if jit_compile and mode != "masked":
        raise ValueError(
            "`jit_compile` needs constant shapes. Received: a supernet of "
            f"mode {mode!r}. Make it with mode='masked'."
        )

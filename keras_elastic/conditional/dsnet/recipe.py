"""A recipe of a dynamic slimmable network."""

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from keras_elastic import checks
from keras_elastic.conditional.dsnet import routes as dsnet_routes
from keras_elastic.conditional.dsnet.model import DSNet
from keras_elastic.conditional.dsnet.run import DSNetTraining
from keras_elastic.conditional.dsnet.task import HARD_SAMPLES
from keras_elastic.training.recipe import Recipe
from keras_elastic.training.settings import StepSettings

if TYPE_CHECKING:
    from keras_elastic.training.run import Run
    from keras_elastic.training.training_recipe import TrainingRecipe

# What the statistics depend on that the gates learn with.
_OF_STATISTICS = ("calibration_images", "evaluation_crop")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DSNetRecipe(Recipe):
    """How to train a DS-Net: its supernet, and then its gates.

    The arguments of `Recipe` are its arguments too, and say how the supernet
    is trained (stage I). The gates (stage II) learn by SGD with a cosine
    schedule, without weight decay, label smoothing or mixup.

    Args:
        windows: Tuple of strings. The windows of widths to train gates for:
            `"S"`, `"M"`, `"L"`, `"all"`, or the narrowest and the widest
            width, as `"85-100"`, which a pair of integers becomes.
        gate_epochs: Integer. Epochs of the gates.
        gate_learning_rate: Float. Peak of the gates' schedule.
        gate_images: Integer. Training images that only the gates learn from,
            and the supernet does not see; 0 for the paper's way, where both
            learn from all. An image that the supernet has fitted is easy at
            every width, and tells a gate nothing.
        complexity_weight: Float. Weight of the multiply-adds in their loss.
        guidance_weight: Float. Weight of the self-supervised labels.
        hard_samples: String. `"try_best"` sends an image that no width gets
            right to the widest, `"give_up"` to the slimmest.

    Raises:
        ValueError: As `Recipe`, or a window is none.
    """

    kind: ClassVar[str] = "dsnet"
    positive: ClassVar[tuple[str, ...]] = (
        *Recipe.positive,
        "gate_epochs",
        "gate_learning_rate",
    )

    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **Recipe.ranges,
        "complexity_weight": (0, math.inf),
        "gate_images": (0, math.inf),
        "guidance_weight": (0, math.inf),
    }
    names: ClassVar[dict[str, tuple[str, ...]]] = {
        **Recipe.names,
        "hard_samples": HARD_SAMPLES,
    }
    # The gates learn with the statistics of the calibration images; each
    # window has a training of its own.
    selecting: ClassVar[tuple[str, ...]] = (
        *(f for f in Recipe.selecting if f not in _OF_STATISTICS),
        "windows",
    )

    windows: tuple[str, ...] = ("S", "M", "L")
    gate_epochs: int = 10
    gate_learning_rate: float = 0.05
    gate_images: int = 0
    complexity_weight: float = 0.5
    guidance_weight: float = 1.0
    hard_samples: str = "try_best"

    def __post_init__(self) -> None:
        if isinstance(self.windows, (list, tuple)):
            windows = tuple(map(_as_label, self.windows))
            object.__setattr__(self, "windows", windows)
        super().__post_init__()
        if not self.windows:
            raise ValueError(
                f"`windows` of the recipe '{self.name}' must hold one at "
                f"least. Received: windows={self.windows}."
            )
        if 0 < self.gate_images < self.batch_size:
            raise ValueError(
                f"`gate_images` of the recipe '{self.name}' must be 0, or make "
                f"a batch of {self.batch_size} at least. Received: "
                f"gate_images={self.gate_images}."
            )
        self._check_windows(dsnet_routes.parse)

    def check(self, classes: int, load_teacher: Callable[[str], Any]) -> None:
        """As `Recipe.check`; the family must have gates, too."""
        super().check(classes, load_teacher)
        gates = self.gate_recipe()
        gates.make_optimizer(steps_per_epoch=1)
        StepSettings(**gates.step_settings())
        family = self.make_family()
        self._check_windows(
            lambda text: DSNet.architectures(family, dsnet_routes.parse(text))
        )

    def _check_windows(self, check):
        for window in self.windows:
            try:
                check(window)
            except ValueError as error:
                raise ValueError(
                    f"`windows` of the recipe '{self.name}' cannot hold "
                    f"{window!r}. {error}"
                ) from error

    def trainings(self) -> "list[tuple[str, TrainingRecipe, int]]":
        """As `Recipe.trainings`, and the gates of each window."""
        gates = self.gate_recipe()
        return [
            *super().trainings(),
            *((f"gates_{window}", gates, 1) for window in self.windows),
        ]

    def smoke_changes(self) -> dict[str, Any]:
        """As `Recipe.smoke_changes`, with gates for one window."""
        return {
            **super().smoke_changes(),
            "gate_epochs": 1,
            "gate_images": min(self.gate_images, self.batch_size),
            "windows": self.windows[:1],
        }

    def make_training(self, run: "Run") -> DSNetTraining:
        """Returns the `DSNetTraining`."""
        return DSNetTraining(self, run)

    def count_steps(self, batches: int) -> int:
        """As `Recipe.count_steps`; the images must be enough for the gates."""
        if self.gate_images // self.batch_size > batches:
            raise ValueError(
                f"`gate_images` of the recipe '{self.name}' must leave some "
                f"training images to the supernet. Received: gate_images="
                f"{self.gate_images}, and images for {batches} batches of "
                f"{self.batch_size}. Lower it, or give more images."
            )
        return super().count_steps(batches)

    def gate_recipe(self) -> "DSNetRecipe":
        """Returns the recipe with the gates' optimization in its fields."""
        return self.replace(
            epochs=self.gate_epochs,
            steps_per_epoch=self._gate_steps(),
            learning_rate=self.gate_learning_rate,
            optimizer="sgd",
            schedule="cosine",
            warmup_epochs=0.0,
            weight_decay=0.0,
            label_smoothing=0.0,
            mixup=0.0,
            ema_momentum=None,
        )

    def _gate_steps(self):
        """Steps of an epoch of the gates, or `None` for all images."""
        if not self.gate_images:
            return self.steps_per_epoch
        batches = self.gate_images // self.batch_size
        return min(self.steps_per_epoch or batches, batches)


def _as_label(window):
    is_pair = checks.PAIR.fits(window) and checks.INTEGERS.fits(window)
    return dsnet_routes.label(window) if is_pair else window

"""What every recipe says: the data, and how the weights move."""

import dataclasses
import json
import math
import os
import runpy
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import TypeVar

from keras_elastic import files
from keras_elastic import registration
from keras_elastic import untrusted
from keras_elastic.training import ingredients
from keras_elastic.training import recipe_fields

if TYPE_CHECKING:
    import keras

    from keras_elastic.training.run import Run

# Images that a smoke run reports on.
_SMOKE_TESTED = 200

_Recipe = TypeVar("_Recipe", bound="TrainingRecipe")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """The fields that recipes of all kinds share.

    Args:
        name: String. Names the run, and the zoo entry.
        dataset: String. `"digits"`, an image folder or a TFDS name.
        patch_size: Integer. Pixels of the training patch, which a network
            resizes to its own resolution.
        batch_size: Integer. Images of a step, over all replicas.
        epochs: Integer. Epochs in all.
        learning_rate: Float. Peak of the schedule.
        steps_per_epoch: Integer. Steps that make an epoch, or `None` for as
            many as the images give: for large data sets and little time.
        limit: Integer. Training images to use, or `None` for all.
        test_limit: Integer. Images to report on, or `None` for all: for a
            trial, since reports are of all.
        augmentation: String. See `keras_elastic.data`.
        mixup: Float. Parameter of mixup, 0 for none.
        divergence: String. What a student minimizes: `"kl"` or `"alpha"`.
        teacher: String. A `.keras` file that returns logits, a run or zoo
            entry whose largest child teaches, `"phase:NAME"` for the
            largest subnet that an earlier phase has trained, or `None`.
        optimizer: String. `"rmsprop"` (decay and momentum 0.9) or `"sgd"`
            (Nesterov momentum 0.9).
        initial_accumulator: Float. What RMSProp's mean squares of gradients
            begin at: 0 as in Keras, 1 as in TensorFlow's of BigNAS.
        schedule: String. `"exponential"` with a constant ending, `"cosine"`
            or `"linear"` to zero.
        decay_epochs: Float. Epochs between two decays of "exponential".
        decay_rate: Float. Factor of such a decay.
        ending: Float. Floor of "exponential" as a part of the peak.
        warmup_epochs: Float. Epochs of linear warm-up.
        weight_decay: Float. L2, added to the loss once a step.
        decayed: String. `"kernels"`, `"dense_kernels"` (not the depthwise
            ones) or `"all"`.
        clip_norm: Float. Largest norm of all gradients together, or `None`.
        clip_value: Float. Largest absolute gradient, or `None`.
        ema_momentum: Float. Momentum of the moving average of the weights,
            which then is the result, or `None`.
        label_smoothing: Float.
        accumulation_steps: Integer. Parts of a batch, one after another.
        dtype: String. `"float32"`, or `"mixed_bfloat16"` to compute in
            bfloat16.
        calibration_images: Integer. Training images for the statistics.
        evaluation_crop: Float. Side of the central square that statistics,
            scores and reports are measured on, as a part of the shorter side
            of an image, and that exports cut out: 0.875 is usual for
            ImageNet. `None` for all of it.
        seed: Integer.

    Raises:
        ValueError: A number is out of range (all are named at once), or a
            name is unknown.
    """

    # What kind of model it trains, in files.
    kind: ClassVar[str]
    # Fields that must be above zero.
    positive: ClassVar[tuple[str, ...]] = (
        "patch_size",
        "batch_size",
        "epochs",
        "learning_rate",
        "decay_epochs",
        "accumulation_steps",
        "calibration_images",
        "evaluation_crop",
    )

    # Those that name one of several things.
    names: ClassVar[dict[str, tuple[str, ...]]] = ingredients.NAMES
    # The least and the most of others.
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        "steps_per_epoch": (1, math.inf),
        "limit": (1, math.inf),
        "test_limit": (1, math.inf),
        "mixup": (0, math.inf),
        "decay_rate": (0, 1),
        "ending": (0, 1),
        "initial_accumulator": (0, math.inf),
        "warmup_epochs": (0, math.inf),
        "weight_decay": (0, math.inf),
        "clip_norm": (0, math.inf),
        "clip_value": (0, math.inf),
        "ema_momentum": (0, 1),
        "label_smoothing": (0, 1),
        "evaluation_crop": (0, 1),
        "seed": (0, math.inf),
    }

    # Fields that the training does not depend on.
    selecting: ClassVar[tuple[str, ...]] = (
        "calibration_images",
        "evaluation_crop",
    )

    name: str
    dataset: str
    patch_size: int
    batch_size: int
    epochs: int
    learning_rate: float
    steps_per_epoch: int | None = None
    limit: int | None = None
    test_limit: int | None = None
    augmentation: str = "none"
    mixup: float = 0.0
    divergence: str = "kl"
    teacher: str | None = None
    optimizer: str = "rmsprop"
    initial_accumulator: float = 0.0
    schedule: str = "exponential"
    decay_epochs: float = 2.4
    decay_rate: float = 0.97
    ending: float = 0.05
    warmup_epochs: float = 5.0
    weight_decay: float = 1e-5
    decayed: str = "kernels"
    clip_norm: float | None = None
    clip_value: float | None = None
    ema_momentum: float | None = None
    label_smoothing: float = 0.1
    accumulation_steps: int = 1
    dtype: str = "float32"
    calibration_images: int = 2000
    evaluation_crop: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        recipe_fields.normalize(self)
        recipe_fields.check_kinds(self)
        self._check_numbers()
        recipe_fields.check_ranges(self, self.ranges)
        self._check_names()

    def _check_numbers(self) -> None:
        values = {f: getattr(self, f) for f in self.positive}
        wrong = [f for f, v in values.items() if v is not None and not v > 0]
        if wrong:
            raise ValueError(
                f"The recipe '{self.name}' needs positive {wrong}. "
                f"Received: { {f: getattr(self, f) for f in wrong} }."
            )

    def _check_names(self) -> None:
        for field, known in self.names.items():
            if getattr(self, field, known[0]) not in known:
                raise ValueError(
                    f"`{field}` of the recipe '{self.name}' must be one of "
                    f"{known}. Received: {field}={getattr(self, field)!r}."
                )

    def count_steps(self, batches: int) -> int:
        """Returns the steps of an epoch.

        Args:
            batches: Integer. Whole batches that the images make.

        Raises:
            ValueError: They are fewer than the recipe's steps.
        """
        steps = self.steps_per_epoch
        if steps is None:
            return batches
        if not 1 <= steps <= batches:
            raise ValueError(
                f"`steps_per_epoch` of the recipe '{self.name}' must be in "
                f"1..{batches}, the batches of {self.batch_size} that the "
                f"images make. Received: {steps}. Lower it, or `batch_size`."
            )
        return steps

    def make_training(self, run: "Run") -> Any:
        """Returns what trains the recipe in a run, by its method `train`.

        Args:
            run: `Run`.
        """
        raise NotImplementedError

    def check(self, classes: int, load_teacher: Callable) -> None:
        """Raises a `ValueError` for what is wrong, before anything is run.

        Args:
            classes: Integer. Number of classes.
            load_teacher: Function from the name of a teacher to the teacher.
        """

    def trainings(self) -> list[tuple[str, "TrainingRecipe", int]]:
        """Says what a run trains, one after another.

        Returns:
            List of a training's name, its recipe and the passes of its steps.
        """
        return [(self.kind, self, 1)]

    def smoke_changes(self) -> dict[str, Any]:
        """Returns the changes that let it run through in a moment.

        Of the training images the first are taken, of which a tenth is held
        out: enough for two steps an epoch, and to calibrate and select with.
        """
        # Large data sets are neither read whole nor decoded whole then.
        images = 100 + 5 * self._largest_batch // 2
        return {
            "epochs": 2,
            "steps_per_epoch": None,
            "limit": min(images, self.limit or images),
            "test_limit": min(_SMOKE_TESTED, self.test_limit or _SMOKE_TESTED),
        }

    @property
    def _largest_batch(self) -> int:
        return self.batch_size

    def make_optimizer(self, steps_per_epoch: int) -> "keras.Optimizer":
        """Returns the Keras optimizer, with the recipe's schedule."""
        return ingredients.make_optimizer(self, steps_per_epoch)

    def step_settings(self) -> dict[str, Any]:
        """Returns the fields that are `StepSettings`, for a `Trainer`."""
        return {field: getattr(self, field) for field in ingredients.SETTINGS}

    def replace(self: _Recipe, **changes: Any) -> _Recipe:
        """Returns the recipe with some fields replaced."""
        return dataclasses.replace(self, **changes)

    def differences(self, other: "TrainingRecipe") -> list[str]:
        """Says, field by field, what another recipe trains otherwise."""
        if self.kind != other.kind:
            return [f"it is of kind {other.kind!r} there, {self.kind!r} here"]
        mine = json.loads(self.to_json())
        theirs = json.loads(other.to_json())
        return [
            f"`{field}` is {theirs[field]!r} there and {mine[field]!r} here"
            for field in mine
            if mine[field] != theirs[field] and field not in self.selecting
        ]

    def to_json(self) -> str:
        """Returns indented JSON."""
        values = {"kind": self.kind, **dataclasses.asdict(self)}
        return json.dumps(values, indent=2)

    @classmethod
    def from_json(cls: type[_Recipe], text: str) -> _Recipe:
        """Makes a recipe from what `to_json` returned.

        Raises:
            ValueError: It is something else.
        """
        values = _parse(text)
        values.pop("kind", None)
        names = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - names)
        missing = sorted(
            field.name
            for field in dataclasses.fields(cls)
            if field.default is dataclasses.MISSING
            and field.default_factory is dataclasses.MISSING
            and field.name not in values
        )
        if unknown or missing:
            raise ValueError(
                "The JSON of a recipe must have fields of a "
                f"`{cls.__name__}`. Received: {unknown}, which are unknown, "
                f"and without {missing}."
            )
        return cls(**values)

    @classmethod
    def from_file(cls: type[_Recipe], path: str | os.PathLike[str]) -> _Recipe:
        """Reads a recipe from a Python file that assigns `recipe`.

        Raises:
            ValueError: There is no such file, or it assigns no recipe.
        """
        path = files.as_path(path=path)
        if not path.is_file():
            raise ValueError(
                f"`path` must be a recipe file. Received: {str(path)!r}, "
                "which does not exist."
            )
        recipe = runpy.run_path(str(path)).get("recipe")
        if not isinstance(recipe, cls):
            raise ValueError(
                f"A recipe file must assign a `Recipe` to `recipe`. "
                f"Received: {str(path)!r}, where `recipe` is {recipe!r}."
            )
        return recipe


def recipe_from_json(text: str) -> TrainingRecipe:
    """Makes a recipe of any kind from what its `to_json` returned.

    Raises:
        ValueError: The kind is unknown.
    """
    # Recipes of supernets were written before there were other kinds.
    kind = _parse(text).get("kind", "supernet")
    if not isinstance(kind, str) or kind not in registration.RECIPES:
        raise ValueError(
            "A recipe must be of one of the kinds "
            f"{sorted(registration.RECIPES)}. Received: kind={kind!r}."
        )
    return registration.find(registration.RECIPES[kind]).from_json(text)


def _parse(text):
    try:
        return untrusted.parse_json(text)
    except ValueError as error:
        raise ValueError(f"A recipe must be JSON ({error}).") from error

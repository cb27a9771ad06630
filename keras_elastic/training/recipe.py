"""A recipe: everything that says how a supernet was trained."""

import dataclasses
import json
import pathlib
import runpy
from typing import Any

import keras

from keras_elastic import families
from keras_elastic.training.schedules import ExponentialWithConstantEnding


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train a supernet: a file that holds one is a recipe.

    Args:
        name: String. Names the run and the zoo entry.
        family: String. Name of a registered family.
        family_changes: Dictionary of fields of the family's table to replace.
        dataset: String. `"digits"`, an image folder or a TFDS name.
        limit: Integer. Training images to use, or `None` for all.
        augmentation: String. See `keras_elastic.data`.
        patch_size: Integer. Pixels of the training patch, which every subnet
            resizes to its own resolution.
        batch_size: Integer. Images of a step, over all replicas.
        epochs: Integer.
        learning_rate: Float. Peak of the schedule.
        decay_epochs: Float. Epochs between two decays of the schedule.
        decay_rate: Float. Factor of a decay.
        ending: Float. Floor of the schedule as a part of its peak.
        warmup_epochs: Float. Epochs of linear warm-up.
        weight_decay: Float.
        label_smoothing: Float.
        num_random: Integer. Random subnets of a sandwich.
        calibration_images: Integer. Training images for the statistics.
        budgets: Tuple of floats: multiply-adds to select children for.
        mutants: Integer. Candidates of the fine search for each budget.
        seed: Integer.

    Raises:
        ValueError: A number is out of range; all are named at once.
    """

    name: str
    family: str
    dataset: str
    patch_size: int
    batch_size: int
    epochs: int
    learning_rate: float
    budgets: tuple[float, ...]
    family_changes: dict[str, Any] = dataclasses.field(default_factory=dict)
    limit: int | None = None
    augmentation: str = "none"
    decay_epochs: float = 2.4
    decay_rate: float = 0.97
    ending: float = 0.05
    warmup_epochs: float = 5.0
    weight_decay: float = 1e-5
    label_smoothing: float = 0.1
    num_random: int = 2
    calibration_images: int = 2000
    mutants: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "budgets", tuple(self.budgets))
        positive = (
            "patch_size",
            "batch_size",
            "epochs",
            "learning_rate",
            "decay_epochs",
            "calibration_images",
        )
        wrong = [f for f in positive if not getattr(self, f) > 0]
        if not self.budgets:
            wrong.append("budgets")
        if wrong or any(not budget > 0 for budget in self.budgets):
            values = {f: getattr(self, f) for f in wrong}
            raise ValueError(
                f"The recipe '{self.name}' needs positive {wrong or 'budgets'}."
                f" Received: {values or self.budgets}."
            )

    def make_family(self):
        """Returns the family with the recipe's changes."""
        return families.get(self.family, **self.family_changes)

    def make_optimizer(self, steps_per_epoch: int):
        """Returns RMSProp with the recipe's schedule (BigNAS, section 3.2)."""
        schedule = ExponentialWithConstantEnding(
            self.learning_rate,
            decay_steps=self.decay_epochs * steps_per_epoch,
            decay_rate=self.decay_rate,
            ending=self.ending,
            warmup_steps=round(self.warmup_epochs * steps_per_epoch),
        )
        return keras.optimizers.RMSprop(
            schedule, rho=0.9, momentum=0.9, epsilon=1e-3
        )

    def replace(self, **changes: Any) -> "Recipe":
        """Returns the recipe with some fields replaced."""
        return dataclasses.replace(self, **changes)

    def differences(self, other: "Recipe") -> list[str]:
        """Says, field by field, what another recipe has instead."""
        mine = json.loads(self.to_json())
        theirs = json.loads(other.to_json())
        return [
            f"`{field}` is {theirs[field]!r} there and {mine[field]!r} here"
            for field in mine
            if mine[field] != theirs[field]
        ]

    def to_json(self) -> str:
        """Returns indented JSON."""
        return json.dumps(dataclasses.asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """Makes a recipe from what `to_json` returned."""
        return cls(**json.loads(text))

    @classmethod
    def from_file(cls, path) -> "Recipe":
        """Reads a recipe from a Python file that assigns `recipe`.

        Raises:
            ValueError: There is no such file, or it assigns no recipe.
        """
        path = pathlib.Path(path)
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

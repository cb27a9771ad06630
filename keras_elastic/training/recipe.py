"""A recipe: everything that says how a supernet was trained."""

import dataclasses
import json
import pathlib
import runpy
from typing import Any

from keras_elastic import families
from keras_elastic.training import ingredients


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train a supernet: a file that holds one is a recipe.

    Args:
        name: String. Names the run and the zoo entry.
        family: String. Name of a registered family.
        dataset: String. `"digits"`, an image folder or a TFDS name.
        patch_size: Integer. Pixels of the training patch, which every subnet
            resizes to its own resolution.
        batch_size: Integer. Images of a step, over all replicas.
        epochs: Integer. Epochs in all.
        learning_rate: Float. Peak of the schedule.
        budgets: Tuple of floats: multiply-adds to select children for.
        family_changes: Dictionary of fields of the family's table to replace.
        limit: Integer. Training images to use, or `None` for all.
        augmentation: String. See `keras_elastic.data`.
        mixup: Float. Parameter of mixup, 0 for none.
        upscale: Boolean. Whether subnets may have a higher resolution than
            the patch, which is then enlarged.
        sampler: String. `"sandwich"`; `"mutual"`, where the smallest draws
            its resolution too; `"best_up"` or `"worst_up"` of some candidates;
            `"random"` subnets only.
        num_random: Integer. Random subnets of a step.
        num_candidates: Integer. Of those that are chosen among, for each.
        training_resolutions: Tuple of the resolutions to train at, or `None`
            for all of the family's.
        keep_largest: Dictionary from genes to how many of the largest choices
            are trained, as `{"depth": 1}`: progressive shrinking.
        objective: String. `"in_place_distillation"`, `"supervised"` or
            `"ensemble_bootstrapping"`.
        divergence: String. What a student minimises: `"kl"` or `"alpha"`.
        teacher: String. A `.keras` file that returns logits, a run or zoo
            entry whose largest child teaches, `"first_phase"` for the
            largest subnet after the first phase, or `None`.
        teacher_weight: Float. Weight of the teacher beside the labels.
        optimizer: String. `"rmsprop"` (decay and momentum 0.9) or `"sgd"`
            (Nesterov momentum 0.9).
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
        phases: Tuple of dictionaries, the recipe's changes phase by phase,
            each with a `"name"`. With phases, `"sort_channels": True` sorts
            the channels by importance before the phase.
        sort_channels: Boolean. Of phases.
        calibration_images: Integer. Training images for the statistics.
        mutants: Integer. Candidates of the fine search for each budget.
        seed: Integer.

    Raises:
        ValueError: A number is out of range (all are named at once), a name
            is unknown, or a phase has an unknown field.
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
    mixup: float = 0.0
    upscale: bool = False
    sampler: str = "sandwich"
    num_random: int = 2
    num_candidates: int = 3
    training_resolutions: tuple[int, ...] | None = None
    keep_largest: dict[str, int] = dataclasses.field(default_factory=dict)
    objective: str = "in_place_distillation"
    divergence: str = "kl"
    teacher: str | None = None
    teacher_weight: float = 1.0
    optimizer: str = "rmsprop"
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
    phases: tuple[dict[str, Any], ...] = ()
    sort_channels: bool = False
    calibration_images: int = 2000
    mutants: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        for field in ("budgets", "phases"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        if self.training_resolutions is not None:
            resolutions = tuple(self.training_resolutions)
            object.__setattr__(self, "training_resolutions", resolutions)
        self._check_numbers()
        self._check_names()
        self._check_phases()

    def _check_numbers(self) -> None:
        positive = (
            "patch_size",
            "batch_size",
            "epochs",
            "learning_rate",
            "decay_epochs",
            "accumulation_steps",
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

    def _check_names(self) -> None:
        for field, known in ingredients.NAMES.items():
            if getattr(self, field) not in known:
                raise ValueError(
                    f"`{field}` of the recipe '{self.name}' must be one of "
                    f"{known}. Received: {field}={getattr(self, field)!r}."
                )

    def _check_phases(self) -> None:
        fields = {field.name for field in dataclasses.fields(self)}
        for phase in self.phases:
            unknown = sorted(set(phase) - fields)
            if "name" not in phase or "phases" in phase or unknown:
                raise ValueError(
                    f"A phase of the recipe '{self.name}' must have a `name` "
                    "and otherwise fields of a recipe. Received: "
                    f"{phase}, of which {unknown} are unknown."
                )
        names = [phase["name"] for phase in self.phases]
        if len(set(names)) < len(names):
            raise ValueError(
                f"The phases of the recipe '{self.name}' must have different "
                f"names. Received: {names}."
            )
        self.phase_recipes()

    def phase_recipes(self) -> list["Recipe"]:
        """Returns the recipe of each phase, or the recipe itself."""
        if not self.phases:
            return [self]
        return [self.replace(phases=(), **phase) for phase in self.phases]

    def check_resolutions(self) -> None:
        """Raises a `ValueError` if a resolution does not fit the patch."""
        space = self.make_family().space
        largest = max(space.resolution)
        if largest > self.patch_size and not self.upscale:
            raise ValueError(
                f"The largest resolution of '{space.name}', {largest}, must "
                "not exceed the patch. Received: "
                f"patch_size={self.patch_size}. Pass a larger `patch_size`, "
                "or `upscale=True` (--upscale) to enlarge the patch for those "
                "subnets, as BigNAS does."
            )
        unknown = set(self.training_resolutions or ()) - set(space.resolution)
        if unknown:
            raise ValueError(
                "`training_resolutions` must be resolutions of the family, "
                f"{space.resolution}. Received: {self.training_resolutions}."
            )

    def make_family(self):
        """Returns the family with the recipe's changes."""
        return families.get(self.family, **self.family_changes)

    def make_optimizer(self, steps_per_epoch: int):
        """Returns the Keras optimizer, with the recipe's schedule."""
        return ingredients.make_optimizer(self, steps_per_epoch)

    def make_sampler(self):
        """Returns what draws the architectures of a step."""
        return ingredients.make_sampler(self)

    def make_objective(self, teacher=None):
        """Returns what the subnets learn from.

        Args:
            teacher: The teacher that `teacher` names; see `teachers`.
        """
        return ingredients.make_objective(self, teacher)

    def step_settings(self) -> dict[str, Any]:
        """Returns the fields that are `StepSettings`, for a `Trainer`."""
        return {field: getattr(self, field) for field in ingredients.SETTINGS}

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

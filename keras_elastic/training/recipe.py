"""A recipe: everything that says how a supernet was trained."""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from keras_elastic.models.converting.named import elastic_source
from keras_elastic.models.converting.named import find_family
from keras_elastic.training import ingredients
from keras_elastic.training.phases import PhaseTrainer
from keras_elastic.training.settings import StepSettings
from keras_elastic.training.task import check_average
from keras_elastic.training.training_recipe import TrainingRecipe

if TYPE_CHECKING:
    from keras_elastic.spaces import Architecture
    from keras_elastic.training.objectives import Supervised
    from keras_elastic.training.run import Run


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(TrainingRecipe):
    """How to train a supernet: a file that holds one is a recipe.

    The arguments of `TrainingRecipe` are its arguments too.

    Args:
        family: String. Name of a registered family, or a model that
            `keras_elastic.elastic` makes a supernet of:
            `"elastic:model.keras"` or
            `"elastic:keras.applications:MobileNetV2"`.
        budgets: Tuple of floats: multiply-adds to select children for.
        family_changes: Dictionary of fields of the family's table to replace,
            or of arguments of `keras_elastic.elastic`.
        upscale: Boolean. Whether subnets may have a higher resolution than
            the patch, which is then enlarged.
        sampler: String. `"sandwich"`; `"mutual"`, where the smallest draws
            its resolution too, and `"mutual_all"`, where the largest does as
            well; `"best_up"` or `"worst_up"` of some candidates; `"random"`
            subnets only, with one a step single paths; `"fair"`, random ones
            that share out the choices of each gene.
        num_random: Integer. Random subnets of a step.
        num_candidates: Integer. Of those that are chosen among, for each.
        training_resolutions: Tuple of the resolutions to train at, or `None`
            for all of the family's.
        same_resolution: Boolean. Whether the subnets of a step have one
            resolution, drawn anew each step, the largest too.
        keep_largest: Dictionary from genes to how many of the largest choices
            are trained, as `{"depth": 1}`: progressive shrinking.
        drawn_from: String. What the random subnets are drawn from:
            `"skeletons"` for the coarse grid that BigNAS selects in first, or
            a front: a `front.csv`, a run or a zoo entry. `None` for the whole
            space. For a last phase, which trains what will be selected.
        objective: String. `"in_place_distillation"`, `"supervised"`,
            `"prioritized_distillation"`, where students learn from the best
            of those before them, or `"ensemble_bootstrapping"`.
        teacher_weight: Float. Weight of the teacher beside the labels.
        label_weight: Float. Weight of the labels; 0 with a teacher for its
            soft labels alone.
        temperature: Float. Of the distillation, from the teacher and in
            place: above 1 it softens what is learned.
        drop_path: Float. How often an image does without what the last
            residual block of the first subnet adds; blocks before it drop
            less, linearly. 0 for never.
        drop_path_stages: Integer. Drops paths in so many of the last stages,
            or `None` in all.
        initial: String. The weights to begin with: a `.keras` file, a preset,
            a run or a zoo entry; `"imagenet:NAME"`, as
            `"imagenet:efficientnet_lite0"`; `"keras.applications:NAME"`, with
            the weights of ImageNet that Keras downloads, for the family of
            that network; or `"random"`. `None` for those of the model that
            the family was made of, else random ones. The head keeps the
            columns of the classes that both know.
        trained: String. `"all"`, or `"head"` for the classifier alone, which
            a first phase may train where its classes are new.
        phases: Tuple of dictionaries, the recipe's changes phase by phase,
            each with a `"name"`.
        interpolation: Float. Where a phase ends, between the weights that it
            began with (0) and those that it trained (1): a fine-tuning that is
            interpolated keeps more of what it does not train (WiSE-FT,
            Wortsman et al., CVPR 2022, equation 1).
        sort_channels: Boolean. Whether channels are sorted by importance
            before the training, or the phase. Those between blocks are sorted
            before the first phase, which no narrow subnet was trained before.
        mutants: Integer. Candidates of the fine search for each budget.
        band: Float. Part of a budget that a candidate of the coarse search may
            leave unspent, or `None` for all of it.
        table_levels: Integer. Levels of width in a query table, evenly apart,
            which is how a mutual recipe selects, or `None` for every width.
        selection_images: Integer. Held-out images to select with, or `None`
            for all.

    Raises:
        ValueError: A number is out of range (all are named at once), a name
            is unknown, or a phase has an unknown field.
    """

    kind: ClassVar[str] = "supernet"
    positive: ClassVar[tuple[str, ...]] = (
        *TrainingRecipe.positive,
        "temperature",
    )
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **TrainingRecipe.ranges,
        "num_random": (0, math.inf),
        "num_candidates": (1, math.inf),
        "teacher_weight": (0, math.inf),
        "label_weight": (0, math.inf),
        "drop_path": (0, 0.99),
        "drop_path_stages": (1, math.inf),
        "table_levels": (1, math.inf),
        "mutants": (0, math.inf),
        "band": (0, 1),
        "interpolation": (0, 1),
        "selection_images": (1, math.inf),
    }
    selecting: ClassVar[tuple[str, ...]] = (
        *TrainingRecipe.selecting,
        "budgets",
        "mutants",
        "band",
        "table_levels",
        "selection_images",
    )

    family: str
    budgets: tuple[float, ...]
    family_changes: dict[str, Any] = dataclasses.field(default_factory=dict)
    upscale: bool = False
    sampler: str = "sandwich"
    num_random: int = 2
    num_candidates: int = 3
    training_resolutions: tuple[int, ...] | None = None
    same_resolution: bool = False
    keep_largest: dict[str, int] = dataclasses.field(default_factory=dict)
    drawn_from: str | None = None
    objective: str = "in_place_distillation"
    teacher_weight: float = 1.0
    label_weight: float = 1.0
    temperature: float = 1.0
    drop_path: float = 0.0
    drop_path_stages: int | None = None
    initial: str | None = None
    trained: str = "all"
    phases: tuple[dict[str, Any], ...] = ()
    interpolation: float = 1.0
    sort_channels: bool = False
    mutants: int = 32
    band: float | None = None
    table_levels: int | None = None
    selection_images: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_budgets()
        self._check_phases()

    def _check_budgets(self) -> None:
        if not self.budgets or any(not budget > 0 for budget in self.budgets):
            raise ValueError(
                f"The recipe '{self.name}' needs positive budgets. "
                f"Received: {self.budgets}."
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

    def trainings(self) -> list[tuple[str, "TrainingRecipe", int]]:
        """As `TrainingRecipe.trainings`: the phases, or one training."""
        found: list[tuple[str, TrainingRecipe, int]] = []
        for phase in self.phase_recipes():
            name = phase.name if self.phases else "training"
            # A sandwich has the smallest and the largest, too.
            others = 0 if phase.sampler == "random" else 2
            found.append((name, phase, others + phase.num_random))
        return found

    def count_steps(self, batches: int) -> int:
        """As `TrainingRecipe.count_steps`; checks those of the phases, too."""
        for phase in self.phase_recipes() if self.phases else ():
            phase.count_steps(batches)
        return super().count_steps(batches)

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

    def check(self, classes: int, load_teacher: Callable[[str], Any]) -> None:
        """Makes what a training is made of: each part checks its numbers."""
        self.check_resolutions()
        for phase in self.phase_recipes():
            # A front is read by what trains, which draws from it.
            if phase.front is None:
                phase.make_sampler()
            optimizer = phase.make_optimizer(steps_per_epoch=1)
            StepSettings(**phase.step_settings())
            # What a teacher would say is not asked here.
            teacher = None if phase.teacher is None else len
            check_average(phase.make_objective(teacher), optimizer)

    def smoke_changes(self) -> dict[str, Any]:
        """As `TrainingRecipe.smoke_changes`, with few candidates."""
        changes = super().smoke_changes()
        short = {"epochs": 1, "steps_per_epoch": None}
        # A tenth is held out, and of a folder perhaps less.
        selected = self.selection_images
        if selected is not None and selected > changes["limit"] // 20:
            selected = None
        return {
            **changes,
            "mutants": 2,
            "selection_images": selected,
            "phases": [{**phase, **short} for phase in self.phases],
        }

    @property
    def _largest_batch(self) -> int:
        batches = [phase.get("batch_size", 0) for phase in self.phases]
        return max([self.batch_size, *batches])

    def make_family(self) -> Any:
        """Returns the family with the recipe's changes."""
        return find_family(self.family, **self.family_changes)

    @property
    def initial_name(self) -> str | None:
        """What the initial weights are called, or `None` for random ones."""
        if self.initial == ingredients.RANDOM:
            return None
        return self.initial or elastic_source(self.family)

    def make_training(self, run: "Run") -> Any:
        """Returns what trains the supernet in a run, a `PhaseTrainer`.

        What is wrong with the recipe shows here, before anything is written.
        """
        return PhaseTrainer(self, run)

    def make_sampler(
        self, archs: "Sequence[Architecture] | None" = None
    ) -> Any:
        """Returns what draws the architectures of a step.

        Args:
            archs: Architectures of the front that `drawn_from` names.
        """
        return ingredients.make_sampler(self, archs)

    @property
    def front(self) -> str | None:
        """What `drawn_from` calls a front, or `None` if it calls none."""
        named = self.drawn_from
        return None if named == ingredients.SKELETONS else named

    def make_objective(
        self, teacher: Callable[[Any], Any] | None = None
    ) -> "Supervised":
        """Returns what the subnets learn from.

        Args:
            teacher: The teacher that `teacher` names; see `teachers`.
        """
        return ingredients.make_objective(self, teacher)

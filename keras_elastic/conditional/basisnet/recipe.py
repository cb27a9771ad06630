"""A recipe of a BasisNet."""

import dataclasses
import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import NamedTuple

from keras_elastic import families
from keras_elastic.conditional.basisnet.children import basisnet_from_supernet
from keras_elastic.conditional.basisnet.model import ACTIVATIONS
from keras_elastic.conditional.basisnet.model import BasisNet
from keras_elastic.conditional.basisnet.network_recipe import NetworkRecipe
from keras_elastic.conditional.basisnet.run import BasisNetTraining
from keras_elastic.conditional.basisnet.task import TAUGHT
from keras_elastic.conditional.basisnet.task import BasisNetTask
from keras_elastic.models.supernet import Supernet
from keras_elastic.spaces import Architecture
from keras_elastic.zoo.places import find_supernet_entry

if TYPE_CHECKING:
    import keras

    from keras_elastic.training.run import Run


@dataclasses.dataclass(frozen=True, kw_only=True)
class BasisNetRecipe(NetworkRecipe):
    """How to train a BasisNet, both of its stages together.

    The arguments of `TrainingRecipe` are its arguments too. Where one of the
    network's is `None`, it is that of the published network.

    Args:
        network: String. `"basisnet_mobilenet_v2"` or
            `"basisnet_mobilenet_v3"`; `"plans"` for one of any two networks
            of the families, `light` and `specialist`; or `"children"`, where
            these are children of supernets and begin with their weights.
        light: Dictionary of a network: `"family"`, a name; `"changes"` of its
            table, if any; and `"genes"` of the architecture, or none for the
            largest. Of a child, `"entry"`, a run or a name of the zoo, and
            `"genes"`.
        specialist: Dictionary of a network, as `light`.
        noise: Float. In which a child's bases differ to begin with: see
            `basisnet_from_supernet`.
        num_bases: Integer. Bases of the specialist.
        first_basis_block: Integer. First block with bases.
        last_basis_block: Integer. Last block with bases.
        resolution: Integer. Resolution of the specialist.
        width: Integer. Width of the specialist in percent.
        light_resolution: Integer. Resolution of the light network.
        light_width: Integer. Width of the light network in percent.
        activation: String. Of the coefficients, `"softmax"` or `"sigmoid"`.
        dropout: Float. Dropout rate before the classifiers.
        light_weight: Float. Weight of the light network's loss.
        preheat_epochs: Float. Epochs in which all bases count alike.
        preheat_decay_epochs: Float. Epochs in which that fades.
        basis_dropout: Float. Chance that a basis is left out of a step.
        taught: String. Who learns from the teacher, `"specialist"` or
            `"both"`.
        light_hard_labels: Boolean. Whether the light network's labels are
            neither smoothed nor mixed up.
        tolerance: Float. Loss of held-out accuracy that the early exit of the
            exported model may cost.
        budgets: Tuple of floats: average multiply-adds to report the early
            exit for; none for three between both stages.

    Raises:
        ValueError: A number is out of range, a name is unknown, or the
            network has no such variant.
    """

    kind: ClassVar[str] = "basisnet"
    ranges: ClassVar[dict[str, tuple[float, float]]] = {
        **NetworkRecipe.ranges,
        "light_resolution": (1, math.inf),
        "light_width": (1, math.inf),
        "light_weight": (0, math.inf),
        "preheat_epochs": (0, math.inf),
        "preheat_decay_epochs": (0, math.inf),
        "basis_dropout": (0, 1),
        "noise": (0, math.inf),
        "tolerance": (0, 1),
    }
    names: ClassVar[dict[str, tuple[str, ...]]] = {
        **NetworkRecipe.names,
        "activation": ACTIVATIONS,
        "taught": TAUGHT,
    }
    selecting: ClassVar[tuple[str, ...]] = (
        *NetworkRecipe.selecting,
        "tolerance",
        "budgets",
    )
    variant: ClassVar[tuple[str, ...]] = (
        *NetworkRecipe.variant,
        "light_resolution",
        "light_width",
        "activation",
    )

    network: str = "basisnet_mobilenet_v3"
    light: dict[str, Any] | None = None
    specialist: dict[str, Any] | None = None
    noise: float = 0.05
    light_resolution: int | None = None
    light_width: int | None = None
    activation: str = "softmax"
    dropout: float = 0.2
    light_weight: float = 1.0
    preheat_epochs: float = 0.0
    preheat_decay_epochs: float = 0.0
    basis_dropout: float = 0.0
    taught: str = "specialist"
    light_hard_labels: bool = False
    tolerance: float = 0.005
    budgets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(not budget > 0 for budget in self.budgets):
            raise ValueError(
                f"The recipe '{self.name}' needs positive budgets. "
                f"Received: budgets={self.budgets}."
            )

    def make_model(self, classes: int, dtype: str = "float32") -> "keras.Model":
        """As `NetworkRecipe.make_model`, or a `BasisNet` of two networks."""
        if self.network == "plans":
            return self._model_of_plans(classes, dtype)
        if self.network == "children":
            return self._model_of_children(classes, dtype)
        return super().make_model(classes, dtype)

    def _model_of_plans(self, classes, dtype):
        self._check_pair()
        light, specialist = (
            family.plan(arch, classes)
            for family, arch in map(_described, (self.light, self.specialist))
        )
        return BasisNet(light, specialist, **self._pair_options(dtype))

    def _model_of_children(self, classes, dtype):
        self._check_pair()
        light, specialist = (
            _child(network, classes)
            for network in (self.light, self.specialist)
        )
        return basisnet_from_supernet(
            specialist.supernet,
            light.arch,
            specialist.arch,
            light_supernet=light.supernet,
            noise=self.noise,
            seed=self.seed,
            **self._pair_options(dtype),
        )

    def _check_pair(self):
        wanted = ("light", "specialist", "num_bases")
        wanted += ("first_basis_block", "last_basis_block")
        missing = [name for name in wanted if getattr(self, name) is None]
        if missing:
            raise ValueError(
                f"The recipe '{self.name}' needs {missing} where `network` is "
                f"'{self.network}'. Received: None."
            )

    def _pair_options(self, dtype):
        blocks = range(self.first_basis_block, self.last_basis_block + 1)
        return {
            "num_bases": self.num_bases,
            "basis_blocks": blocks,
            "activation": self.activation,
            "dtype": dtype,
            "name": self.name,
        }

    def make_training(self, run: "Run") -> BasisNetTraining:
        """Returns the `BasisNetTraining`."""
        return BasisNetTraining(self, run)

    def make_task(
        self,
        model: Any,
        steps_per_epoch: int,
        teacher: Callable[[Any], Any] | None = None,
    ) -> BasisNetTask:
        """Returns the `BasisNetTask`; see `NetworkRecipe.make_task`."""
        return BasisNetTask(
            model,
            light_weight=self.light_weight,
            preheat_steps=round(self.preheat_epochs * steps_per_epoch),
            decay_steps=round(self.preheat_decay_epochs * steps_per_epoch),
            basis_dropout=self.basis_dropout,
            teacher=teacher,
            taught=self.taught,
            divergence=self.divergence,
            light_hard_labels=self.light_hard_labels,
        )


class _Child(NamedTuple):
    """A child of a supernet that is trained."""

    supernet: Supernet
    arch: Architecture


def _child(network, classes):
    """The child that a dictionary of an entry and genes describes."""
    if set(network) != {"entry", "genes"}:
        raise ValueError(
            "A child of a recipe must be a dictionary with an 'entry' and "
            f"'genes'. Received: {sorted(network)}."
        )
    entry = find_supernet_entry(network["entry"])
    if entry.classes != classes:
        raise ValueError(
            f"The child of '{entry.name}' must know as many classes as the "
            f"data set has, {classes}. Received: {entry.classes}. Take another "
            "entry, or another data set."
        )
    return _Child(entry.supernet(), _arch(network["genes"], entry.family))


def _described(network):
    """The family and the architecture that a dictionary describes."""
    if "family" not in network or set(network) - {"family", "changes", "genes"}:
        raise ValueError(
            "A network of a recipe must be a dictionary with a 'family', and "
            "perhaps 'changes' and 'genes'. "
            f"Received: {sorted(network)}."
        )
    changes = {
        # JSON makes lists of tuples.
        name: tuple(value) if isinstance(value, list) else value
        for name, value in network.get("changes", {}).items()
    }
    family = families.get(network["family"], **changes)
    if "genes" not in network:
        return family, family.space.largest
    return family, _arch(network["genes"], family)


def _arch(genes, family):
    arch = Architecture.from_json(json.dumps(genes))
    family.space.validate(arch)
    return arch

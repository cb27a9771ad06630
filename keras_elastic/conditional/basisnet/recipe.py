"""A recipe of a BasisNet."""

import dataclasses
import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar

from keras_elastic import families
from keras_elastic.conditional.basisnet.model import ACTIVATIONS
from keras_elastic.conditional.basisnet.model import BasisNet
from keras_elastic.conditional.basisnet.network_recipe import NetworkRecipe
from keras_elastic.conditional.basisnet.run import BasisNetTraining
from keras_elastic.conditional.basisnet.task import TAUGHT
from keras_elastic.conditional.basisnet.task import BasisNetTask
from keras_elastic.spaces import Architecture

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
            `"basisnet_mobilenet_v3"`, or `"plans"` for one of any two
            networks of the families: `light` and `specialist`.
        light: Dictionary of a network: `"family"`, a name; `"changes"` of its
            table, if any; and `"genes"` of the architecture, or none for the
            largest.
        specialist: Dictionary of a network, as `light`.
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
        """As `NetworkRecipe.make_model`, or a `BasisNet` of two plans."""
        if self.network == "plans":
            return self._model_of_plans(classes, dtype)
        return super().make_model(classes, dtype)

    def _model_of_plans(self, classes, dtype):
        wanted = ("light", "specialist", "num_bases")
        wanted += ("first_basis_block", "last_basis_block")
        missing = [name for name in wanted if getattr(self, name) is None]
        if missing:
            raise ValueError(
                f"The recipe '{self.name}' needs {missing} where `network` is "
                "'plans'. Received: None."
            )
        return BasisNet(
            _plan(self.light, classes),
            _plan(self.specialist, classes),
            self.num_bases,
            range(self.first_basis_block, self.last_basis_block + 1),
            activation=self.activation,
            dtype=dtype,
            name=self.name,
        )

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


def _plan(network, classes):
    """The plan of a network that a dictionary describes."""
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
    arch = family.space.largest
    if "genes" in network:
        arch = Architecture.from_json(json.dumps(network["genes"]))
        family.space.validate(arch)
    return family.plan(arch, classes)

"""What the core asks of a BasisNet, beside its layers: how it is trained."""

from typing import TYPE_CHECKING
from typing import Any

from keras_elastic import checks
from keras_elastic.conditional.basisnet import config as basisnet_config
from keras_elastic.conditional.basisnet import phone
from keras_elastic.conditional.basisnet import stages
from keras_elastic.conditional.for_core import ConditionalModel

if TYPE_CHECKING:
    from keras_elastic.conditional.basisnet.model import BasisNet
    from keras_elastic.export.stages import Stage


class BasisNetForCore(ConditionalModel):
    """`BasisNet` as the core trains, fine-tunes and exports it."""

    why_no_features = (
        "Its second stage has kernels of its own for each image, and some "
        "images never reach it. Pass what `keras_elastic.conditional."
        "extract_specialist(model)` returns, the network of the mean kernels."
    )
    why_one_label = (
        "Its exit compares the largest probability of a softmax. Train a "
        "child of a supernet for labels of which an image may have several."
    )

    def litert_stages(self, in_integers: bool = False) -> "list[Stage]":
        """Returns the `Stage`s that `keras_elastic.export.litert` writes."""
        return phone.stages_of(self, in_integers)

    @property
    def head_layers(self) -> tuple[str, ...]:
        """Names of the classifiers of both stages."""
        return tuple(
            f"{prefix}{plan.blocks[-1].operations[-1].name}"
            for prefix, plan in self.plans.items()
        )

    def _config_of(self, classes):
        # Where an image may exit is to be chosen anew.
        config = {**self.get_config(), "exit_threshold": None}
        for name in ("light", "specialist"):
            plan = stages.with_classes(getattr(self, name), classes)
            config[name] = basisnet_config.serialize_plan(plan)
        return config

    @checks.arguments(
        light_weight=checks.NON_NEGATIVE,
        preheat_steps=checks.COUNT,
        decay_steps=checks.COUNT,
        basis_dropout=checks.BELOW_ONE,
    )
    def configure_training(
        self,
        *,
        light_weight: float = 1.0,
        preheat_steps: int = 0,
        decay_steps: int = 0,
        basis_dropout: float = 0.0,
    ) -> "BasisNet":
        """Says how `fit` trains both stages; a file does not keep it.

        The loss is that of the second stage plus `light_weight` times that of
        the first, each as the model is compiled. Steps are the optimizer's:
        they begin anew with each `compile`.

        Args:
            light_weight: As `BasisNetTask`.
            preheat_steps: As `BasisNetTask`, but none by default: bases that
                were trained need no preheat.
            decay_steps: As `preheat_steps`.
            basis_dropout: As `BasisNetTask`.

        Returns:
            The model.

        Raises:
            ValueError: A number is out of range.

        Example:

        ```python
        model = keras_elastic.load("runs/my_basisnet", classes=3)
        model.configure_training(basis_dropout=1 / 16)
        model.fit(images, labels, epochs=5)
        ```
        """
        return self._configure(
            light_weight=light_weight,
            preheat_steps=preheat_steps,
            decay_steps=decay_steps,
            basis_dropout=basis_dropout,
        )

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        loss_of = super().compute_loss
        loss = loss_of(x, y, y_pred, sample_weight, training)
        if not training:
            return loss
        return loss + self._fitting.light_loss(
            # What layers add is in the other loss already.
            lambda logits: (
                loss_of(x, y, logits, sample_weight, training)
                - sum(self.losses)
            )
        )

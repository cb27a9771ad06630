"""What the core asks of a DS-Net, beside its layers: how it is trained."""

from typing import TYPE_CHECKING
from typing import Any

import keras

from keras_elastic.conditional.dsnet import fitting
from keras_elastic.conditional.for_core import ConditionalModel

if TYPE_CHECKING:
    from keras_elastic.conditional.dsnet.model import DSNet
    from keras_elastic.export.stages import Stage
    from keras_elastic.training.finetuning_stage import FineTuningStage


class DSNetForCore(ConditionalModel):
    """`DSNet` as the core trains, fine-tunes and exports it."""

    why_no_features = (
        "Images of different widths have features of different channels. "
        "Train a `keras_elastic.Supernet` of its family, and pass a child."
    )
    why_one_label = (
        "Its gates learn from whether an image is classified right. Train a "
        "child of a supernet for labels of which an image may have several."
    )

    def litert_stages(self, in_integers: bool = False) -> "list[Stage]":
        """Returns the `Stage`s that `keras_elastic.export.litert` writes."""
        # It needs TensorFlow, as all exports do.
        from keras_elastic.conditional.dsnet import phone

        return phone.stages_of(self)

    @property
    def inputs(self) -> list[keras.KerasTensor]:
        """The images, as a functional model has them."""
        shape = (None, self.resolution, self.resolution, 3)
        return [keras.KerasTensor(shape, name="images")]

    @property
    def outputs(self) -> list[keras.KerasTensor]:
        """The logits, as a functional model has them."""
        return [keras.KerasTensor((None, self.classes), name="logits")]

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """Shape of the images."""
        return tuple(self.inputs[0].shape)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """Shape of the logits."""
        return tuple(self.outputs[0].shape)

    @property
    def head_layers(self) -> tuple[str, ...]:
        """Name of the classifier, in a tuple."""
        return (self.widest_parts[-1][-1].operations[-1].name,)

    def with_new_classifier(self, classes: int) -> "DSNet":
        """As `ConditionalModel`; the gates are the old ones, to be trained."""
        new = super().with_new_classifier(classes)
        new._fitting.set_stage(fitting.BOTH)
        return new

    def _config_of(self, classes):
        return {**self.get_config(), "classes": classes}

    def configure_training(
        self,
        *,
        complexity_weight: float = 0.5,
        guidance_weight: float = 1.0,
        hard_samples: str = "try_best",
    ) -> "DSNet":
        """Says how `fit` trains the gates; a file does not keep it.

        To the loss that the model is compiled with, at the widths that the
        gates draw, comes what `GateTask` adds.

        Args:
            complexity_weight: As `GateTask`.
            guidance_weight: As `GateTask`.
            hard_samples: As `GateTask`.

        Returns:
            The model.

        Raises:
            ValueError: As `GateTask`.
        """
        return self._configure(
            complexity_weight=complexity_weight,
            guidance_weight=guidance_weight,
            hard_samples=hard_samples,
        )

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        return loss + self._fitting.gate_loss(y) if training else loss

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """As `keras.Model.fit`; a new head comes before the gates."""
        return self._fitting.fit(super().fit, args, kwargs)

    def set_trained_layers(self, names: tuple[str, ...]) -> None:
        """Trains layers of some names, and no others, in each `fit`.

        Args:
            names: Tuple of the name of the classifier, or of those of the
                gates.

        Raises:
            ValueError: The others cannot be trained.
        """
        self._fitting.set_stage(fitting.stage_of(self, names))

    def finetuning_stages(
        self, *, head: Any, **settings: Any
    ) -> "tuple[FineTuningStage, ...]":
        """Returns what `keras_elastic.finetune_recipe` asks for."""
        if head is not None:
            raise ValueError(
                "`head` of a DS-Net is its classifier. Received: "
                f"head={head!r}. Leave it out."
            )
        return fitting.stages_of(self, **settings)

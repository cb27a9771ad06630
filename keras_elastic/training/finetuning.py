"""Fine-tuning a child on data of its own: a recipe of two stages."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras

from keras_elastic import calibration
from keras_elastic import checks
from keras_elastic.training.finetuning_data import TrainingImages
from keras_elastic.training.finetuning_stage import MEASURED
from keras_elastic.training.finetuning_stage import FineTuningStage
from keras_elastic.training.finetuning_stage import check_layers
from keras_elastic.training.finetuning_stage import compile_settings
from keras_elastic.training.finetuning_stage import last_layers
from keras_elastic.training.guard import TrainingLost


@checks.arguments(
    model=checks.MODEL,
    epochs=checks.POSITIVE_INTEGER,
    head_epochs=checks.COUNT,
    learning_rate=checks.POSITIVE,
    head_learning_rate=checks.POSITIVE,
    weight_decay=checks.NON_NEGATIVE,
)
def finetune_recipe(
    model: keras.Model,
    *,
    epochs: int = 10,
    head_epochs: int = 2,
    head: str | Sequence[str] | None = None,
    learning_rate: float = 0.03,
    head_learning_rate: float = 0.1,
    weight_decay: float = 1e-4,
    statistics: str = MEASURED,
) -> "FineTuningRecipe":
    """Returns how to fine-tune a model: first its head, then all of it.

    A fresh head sends large, random gradients. So the first stage trains it
    alone, on features that stay as they are; the second stage thaws the trunk
    at a lower learning rate, with a warm-up of up to one epoch.

    In the first stage the normalizations of the trunk work as in inference.
    For the second there are two ways. What must not be is a child with moving
    averages that a few steps have left half-way between the old images and
    the new: it would be worse in inference than it was in training.

    - `"measured"`: they are trained, on the statistics of each batch, and
      afterwards measured on training images with `keras_elastic.calibrate`,
      as those of every child are. The network adapts to the new images
      sooner, most of all where they look unlike the old ones.
    - `"kept"`: normalizations stay constants throughout, with the statistics
      that came with the child, and the kernels around them adapt. What is
      trained is what is used, at any batch size and number of replicas: the
      choice for batches of a few images, and for images like those before.

    A `BasisNet` has a head in each of its two stages, which are trained
    together. A `DSNet` is trained in two stages of its own: its head, at
    random widths, and then its gates; all else of it stays. A cascade is
    refused: its networks are fine-tuned one by one.

    References:
    - How Transferable Are Features in Deep Neural Networks? (Yosinski et al.,
      NeurIPS 2014): layers that are trained together break if some are cut
      off; fine-tuning all of them mends it.
    - Fine-Tuning Can Distort Pretrained Features and Underperform
      Out-of-Distribution (Kumar et al., ICLR 2022): head first, then all.

    Args:
        model: Compiled `keras.Model` with measured statistics, such as
            `keras_elastic.load(..., classes=N)`. Its loss and metrics are
            kept, those of `multi_label=True` as well. It is not changed here.
        epochs: Integer. Epochs in which all is trained.
        head_epochs: Integer. Epochs before, in which the head alone is
            trained; 0 for none, which may be better where there are only
            three epochs in all: see the card of `bignas`.
        head: Name of the head's layer, or a sequence of names. Defaults to the
            last layer with weights, and those from the first normalization of
            vectors on that was never measured.
        learning_rate: Float. The highest with all layers.
        head_learning_rate: Float. The highest with the head alone.
        weight_decay: Float. Of the kernels, with all layers.
        statistics: `"measured"` or `"kept"`; see above.

    Returns:
        `FineTuningRecipe`, which prints what it does.

    Raises:
        ValueError: `model` is not compiled, is not calibrated but for its
            head, lacks a layer of `head`, or a number is out of range.

    Example:

    ```python
    model = keras_elastic.load("bignas_digits", flops=1e6, classes=3)
    recipe = keras_elastic.finetune_recipe(model, epochs=5)
    print(recipe)
    recipe.fit(model, images, labels, validation_data=held_out)

    # The same, step by step.
    for stage in recipe.stages:
        stage.prepare(model, steps_per_epoch=len(batches))
        model.fit(batches, epochs=stage.epochs)
    keras_elastic.calibrate(model, images)
    ```
    """
    checks.positive_integer(epochs=epochs)
    checks.non_negative_integer(head_epochs=head_epochs)
    _check_model(model)
    if hasattr(model, "finetuning_stages"):
        # One of its own class trains in stages of its own, or not at all.
        stages = model.finetuning_stages(
            epochs=epochs,
            head_epochs=head_epochs,
            head=head,
            learning_rate=learning_rate,
            head_learning_rate=head_learning_rate,
        )
        return FineTuningRecipe(tuple(stages))
    head = (head,) if isinstance(head, str) else head
    if head is not None:
        checks.strings(head=head)
    head = tuple(_default_head(model) if head is None else head)
    _check_calibrated(model, head if head_epochs else ())
    stages = [
        FineTuningStage(
            name="all",
            epochs=epochs,
            layers=None,
            learning_rate=learning_rate,
            warmup_epochs=min(1.0, epochs / 5),
            weight_decay=weight_decay,
            statistics=statistics,
        )
    ]
    if head_epochs:
        first = FineTuningStage(
            name="head",
            epochs=head_epochs,
            layers=head,
            learning_rate=head_learning_rate,
        )
        stages.insert(0, first)
    recipe = FineTuningRecipe(tuple(stages))
    recipe.check_model(model)
    return recipe


def _check_model(model):
    if not isinstance(model, keras.Model) or not last_layers(model):
        raise ValueError(
            "`model` must be a `keras.Model` with layers that have weights. "
            f"Received: model={model!r}."
        )
    compile_settings(model)


def _default_head(model):
    """The last layer with weights, with new normalizations of vectors."""
    if hasattr(model, "head_layers"):
        # One of its own class may have several.
        return model.head_layers
    names = [layer.name for layer in model.layers if layer.weights]
    new = [
        names.index(layer.name)
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
        and calibration.is_unmeasured(layer)
        and len(layer.input.shape) == 2
    ]
    return names[min([len(names) - 1, *new]) :]


def _check_calibrated(model, head):
    trunk = [
        layer.name
        for layer in model.layers
        if layer.name not in head
        and any(map(calibration.is_unmeasured, _normalizations_of(layer)))
    ]
    if trunk:
        raise ValueError(
            "`model` must be calibrated, for its first layers are used before "
            f"they are trained. Received: model={model.name!r}, whose layers "
            f"{trunk[:3]} hold the statistics they were made with. Load it "
            "with its weights, or call `keras_elastic.calibrate(model, "
            "images)` first; name new layers in `head`. From random weights, "
            "compile and fit it as any Keras model."
        )


def _normalizations_of(layer):
    if isinstance(layer, keras.layers.BatchNormalization):
        return [layer]
    return calibration.normalizations(layer)


@dataclasses.dataclass(frozen=True)
class FineTuningRecipe:
    """The stages of a fine-tuning, and a way to run them.

    Args:
        stages: Tuple of `FineTuningStage`.
        calibration_images: Integer. Images that statistics are measured on
            after the last stage, if it is one whose statistics are measured.

    Raises:
        ValueError: There are no stages, two have one name, or the number of
            images is not positive.
    """

    stages: tuple[FineTuningStage, ...]
    calibration_images: int = 2000

    def __post_init__(self):
        checks.instance_of((tuple, list), stages=self.stages)
        object.__setattr__(self, "stages", tuple(self.stages))
        checks.positive_integer(calibration_images=self.calibration_images)
        for stage in self.stages:
            checks.instance_of(FineTuningStage, stages=stage)
        names = [stage.name for stage in self.stages]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                "`stages` must be stages of different names, at least one. "
                f"Received: the names {names}."
            )

    @property
    def epochs(self) -> int:
        """Epochs of all stages together."""
        return sum(stage.epochs for stage in self.stages)

    @checks.arguments(
        model=checks.MODEL,
        batch_size=checks.POSITIVE_INTEGER | checks.NONE,
        steps_per_epoch=checks.POSITIVE_INTEGER | checks.NONE,
    )
    def fit(
        self,
        model: keras.Model,
        x: Any,
        y: Any = None,
        *,
        batch_size: int | None = None,
        steps_per_epoch: int | None = None,
        **kwargs: Any,
    ) -> dict[str, keras.callbacks.History]:
        """Runs the stages, and measures statistics if there are to measure.

        Args:
            model: Compiled `keras.Model`. Changed in place.
            x: Training images: an array, or batches of (images, labels) as
                `Model.fit` takes them. Pixels in 0..255, of the model's
                resolution.
            y: Labels, if `x` is an array.
            batch_size: Integer. Images of a step, if `x` is an array.
                Defaults to 32, as in `Model.fit`.
            steps_per_epoch: Integer. Needed if `x` has no length.
            **kwargs: Further arguments of `Model.fit`, such as
                `validation_data` or `validation_split`, whose images are
                not measured on. Callbacks see the epochs counted through
                all stages. If statistics are measured, it is after the last
                epoch: evaluate again then. With a
                `keras.callbacks.ModelCheckpoint` it is after every epoch, so
                that each of its files holds measured statistics; what it
                monitors was computed before, with moving averages.

        Returns:
            Dictionary from the names of the stages to the
            `keras.callbacks.History` of each.

        Raises:
            ValueError: `epochs` or `initial_epoch` is given, `x` holds no
                images, or has no length and `steps_per_epoch` is not given,
                or as `FineTuningStage.prepare`.
            TrainingLost: The loss is not finite. The learning rate is too
                high, most of all for statistics that are kept.
        """
        _check_epochs_are_the_stages(kwargs)
        images = TrainingImages(
            x, batch_size, steps_per_epoch, kwargs.get("validation_split")
        )
        steps = images.steps
        self.check_model(model)
        callbacks = [_Finite(), *_as_list(kwargs.pop("callbacks", None))]
        measures = self._measures_of(model)
        histories, done = {}, 0
        for stage in self.stages:
            stage.prepare(model, steps)
            histories[stage.name] = model.fit(
                x,
                y,
                batch_size=batch_size,
                steps_per_epoch=steps_per_epoch,
                initial_epoch=done,
                epochs=done + stage.epochs,
                callbacks=(
                    self._measuring_first(callbacks, images)
                    if measures and stage is self.stages[-1]
                    else callbacks
                ),
                **kwargs,
            )
            done += stage.epochs
        if measures:
            self._measure(model, images)
        return histories

    @checks.arguments(model=checks.MODEL)
    def measure(self, model: keras.Model, images: Any) -> None:
        """Measures statistics, if the last stage leaves them to be measured.

        `fit` does it itself.

        Args:
            model: `keras.Model` that went through the stages. Changed in
                place.
            images: Training images, as `keras_elastic.calibrate` takes them.

        Raises:
            ValueError: As `keras_elastic.calibrate`.
        """
        if self._measures_of(model):
            calibration.calibrate(model, images)

    def _measure(self, model, images):
        calibration.calibrate(model, images.first(self.calibration_images))

    def _measuring_first(self, callbacks, images):
        """Callbacks that save a model get one with measured statistics."""
        saves = keras.callbacks.ModelCheckpoint
        if any(isinstance(callback, saves) for callback in callbacks):
            return [_Measuring(lambda m: self._measure(m, images)), *callbacks]
        return callbacks

    def check_model(self, model: keras.Model) -> None:
        """Raises a `ValueError` unless a model fits the stages."""
        _check_model(model)
        for stage in self.stages:
            check_layers(model, stage.layers)

    def _measures_of(self, model):
        return self._measures and bool(calibration.normalizations(model))

    @property
    def _measures(self):
        last = self.stages[-1]
        return last.layers is None and last.statistics == MEASURED

    def __str__(self):
        lines = [str(stage) for stage in self.stages]
        if self._measures:
            lines.append(
                f"then: statistics of {self.calibration_images:,} images"
            )
        return "\n".join(lines)


def _as_list(callbacks):
    """What `Model.fit` takes as callbacks, as a list."""
    given = getattr(callbacks, "callbacks", callbacks) or ()
    return list(given) if isinstance(given, (list, tuple)) else [given]


class _Finite(keras.callbacks.Callback):
    """Ends a training whose weights are lost, which would go on else."""

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss", 0.0)
        if not math.isfinite(loss):
            raise TrainingLost(
                f"The fine-tuning is lost: the loss is {loss} after step "
                f"{batch + 1} of an epoch. Load the model again, and give "
                "`finetune_recipe` a lower `learning_rate`, such as a tenth."
            )


class _Measuring(keras.callbacks.Callback):
    """Measures statistics at the end of each epoch."""

    def __init__(self, measure):
        super().__init__()
        self._measure = measure

    def on_epoch_end(self, epoch, logs=None):
        self._measure(self.model)


def _check_epochs_are_the_stages(arguments):
    given = sorted({"epochs", "initial_epoch"} & set(arguments))
    if given:
        raise ValueError(
            f"The stages say how many epochs there are. Received: {given}. "
            "Pass `epochs` and `head_epochs` to `finetune_recipe`."
        )

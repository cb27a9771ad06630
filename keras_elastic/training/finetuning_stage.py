"""One stage of fine-tuning: which layers are trained, and how fast."""

import contextlib
import dataclasses

import keras

from keras_elastic import checks
from keras_elastic.calibration import normalizations

# Where normalizations take their means and variances from.
KEPT = "kept"
MEASURED = "measured"
STATISTICS = (KEPT, MEASURED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FineTuningStage:
    """Some epochs in which some layers of a model are trained.

    The optimizer is stochastic gradient descent with Nesterov momentum, as in
    the study of transfer below. The learning rate rises from a tenth during
    the warm-up and falls to zero along a cosine. Weight decay is for kernels;
    biases and the weights of normalizations are left out.

    References:
    - Do Better ImageNet Models Transfer Better? (Kornblith et al., CVPR 2019),
      appendix A: optimizer, cosine decay, momentum of moving averages.
    - Bag of Tricks for Image Classification with Convolutional Neural
      Networks (He et al., CVPR 2019), section 3.1: warm-up, no decay of biases
      and normalizations.

    Args:
        name: String.
        epochs: Integer.
        layers: Tuple of names of the layers that are trained, or `None` for
            all. The others are frozen, their normalizations in inference
            mode.
        learning_rate: Float. The highest of the stage.
        warmup_epochs: Float. Epochs of linear warm-up.
        weight_decay: Float. Part of a kernel that a step with a learning rate
            of one would take away.
        momentum: Float.
        statistics: `"kept"` or `"measured"`; see `finetune_recipe`. Of the
            normalizations that `layers` does not name.

    Raises:
        ValueError: A number is out of range, or `statistics` is unknown.
    """

    name: str
    epochs: int
    layers: tuple[str, ...] | None
    learning_rate: float
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    momentum: float = 0.9
    statistics: str = MEASURED

    def __post_init__(self):
        checks.fields(
            self,
            name=checks.STRING,
            epochs=checks.POSITIVE_INTEGER,
            learning_rate=checks.RATE,
            warmup_epochs=checks.NON_NEGATIVE,
            weight_decay=checks.NON_NEGATIVE,
            momentum=checks.BELOW_ONE,
            statistics=checks.choice(STATISTICS),
        )

    def schedule(
        self, steps_per_epoch: int
    ) -> keras.optimizers.schedules.CosineDecay:
        """Returns the learning rate by step, a schedule of Keras.

        Args:
            steps_per_epoch: Integer.

        Returns:
            `keras.optimizers.schedules.CosineDecay`.
        """
        checks.positive_integer(steps_per_epoch=steps_per_epoch)
        steps = self.epochs * steps_per_epoch
        # One step of it would be a step at a tenth of the rate, and no more.
        warmup = min(round(self.warmup_epochs * steps_per_epoch), steps - 1)
        if warmup < 2:
            return keras.optimizers.schedules.CosineDecay(
                self.learning_rate, steps
            )
        return keras.optimizers.schedules.CosineDecay(
            self.learning_rate / 10,
            steps - warmup,
            warmup_target=self.learning_rate,
            warmup_steps=warmup,
        )

    @checks.arguments(
        model=checks.MODEL, steps_per_epoch=checks.POSITIVE_INTEGER
    )
    def prepare(self, model: keras.Model, steps_per_epoch: int) -> keras.Model:
        """Makes a model ready for the `fit` of this stage.

        Sets `trainable` of every layer, and the `momentum` of normalizations
        that are trained, so that their moving averages follow within an
        epoch. Compiles the model with a new optimizer, and with the losses
        and metrics that it had. A `.keras` file keeps all of this, but for
        which weights do not decay: to go on with a run that was killed,
        prepare a model in the same way and let
        `keras.callbacks.BackupAndRestore` bring its state back.

        Args:
            model: Compiled `keras.Model`. Changed in place. Under
                `tf.distribute`, it is one that was made in the scope.
            steps_per_epoch: Integer.

        Returns:
            `model`.

        Raises:
            ValueError: `model` is not compiled, lacks a layer that is to be
                trained, or `steps_per_epoch` is not positive.
        """
        schedule = self.schedule(steps_per_epoch)
        settings = compile_settings(model)
        check_layers(model, self.layers)
        self._freeze(model)
        self._hasten_averages(model, steps_per_epoch)
        with scope_of(model):
            settings["optimizer"] = self._optimizer(schedule, model)
            model.compile(**settings)
        return model

    def _freeze(self, model):
        if hasattr(model, "set_trained_layers"):
            # Of one of its own class not all layers can be trained.
            model.set_trained_layers(self.layers)
            return
        model.trainable = True
        for layer in model.layers:
            # Of a layer without weights a file does not keep it.
            if layer.weights:
                is_named = self.layers is None or layer.name in self.layers
                layer.trainable = is_named
        if self.layers is None and self.statistics == KEPT:
            for layer in normalizations(model):
                layer.trainable = False

    def _hasten_averages(self, model, steps_per_epoch):
        """Lets moving averages follow within an epoch, for its validation."""
        momentum = max(1 - 10 / steps_per_epoch, 0.9)
        for layer in normalizations(model):
            if layer.trainable:
                layer.momentum = min(layer.momentum, momentum)

    def _optimizer(self, schedule, model):
        optimizer = keras.optimizers.SGD(
            schedule,
            momentum=self.momentum,
            nesterov=self.momentum > 0,
            weight_decay=self.weight_decay or None,
        )
        vectors = [w for w in model.trainable_weights if len(w.shape) < 2]
        if self.weight_decay and vectors:
            optimizer.exclude_from_weight_decay(var_list=vectors)
        return optimizer

    def __str__(self):
        what = "all layers"
        if self.layers is not None:
            what = ", ".join(f"'{name}'" for name in self.layers)
        elif self.statistics == KEPT:
            what = "all layers but normalizations"
        return (
            f"{self.name}: {self.epochs} epochs of {what}; SGD with momentum "
            f"{self.momentum:g}, learning rate {self.learning_rate:g} after "
            f"{self.warmup_epochs:g} epochs of warm-up, cosine to 0, weight "
            f"decay {self.weight_decay:g}"
        )


def check_layers(model, names):
    """Raises a `ValueError` unless a model has layers of these names."""
    checks.instance_of(keras.Model, model=model)
    known = {layer.name for layer in model.layers if layer.weights}
    unknown = [name for name in names or () if name not in known]
    if unknown or names == ():
        raise ValueError(
            "The layers to train, `layers` of a stage or the `head`, must be "
            "some of the model's that have weights. Received: "
            f"{names}, of which '{model.name}' lacks {unknown}. Its last "
            f"ones are {last_layers(model)}."
        )


def last_layers(model, count=3):
    """Names of a model's last layers with weights, the last one last."""
    return [layer.name for layer in model.layers if layer.weights][-count:]


def compile_settings(model):
    """What a model was compiled with, as arguments of `compile`.

    Raises:
        ValueError: It is not compiled, or with what Keras cannot save.
    """
    checks.instance_of(keras.Model, model=model)
    if not model.compiled:
        raise ValueError(
            "`model` must be compiled: its loss and metrics are kept. "
            f"Received: model={model.name!r}, which is not. Call "
            "`model.compile(loss=..., metrics=...)` first."
        )
    try:
        return keras.saving.deserialize_keras_object(model.get_compile_config())
    except (TypeError, ValueError) as error:
        raise ValueError(
            "`model` must be compiled with losses and metrics that Keras can "
            f"save. Received: model={model.name!r}, of which it cannot "
            f"({error}). Give yours the decorator "
            "`keras.saving.register_keras_serializable()`."
        ) from error


def scope_of(model):
    """The scope that a model under `tf.distribute` was made in."""
    if keras.backend.backend() != "tensorflow":
        return contextlib.nullcontext()
    return model.distribute_strategy.scope()

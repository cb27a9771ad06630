"""What `fit` trains of a DS-Net: a new head, and then the gates."""

import inspect
import threading
import types

import keras
from keras import ops

from keras_elastic.conditional.dsnet import masked as dsnet_masked
from keras_elastic.conditional.dsnet.layers import one_hot
from keras_elastic.conditional.dsnet.task import GateTask
from keras_elastic.conditional.dsnet.task import guidance
from keras_elastic.training.finetuning_stage import FineTuningStage
from keras_elastic.training.finetuning_stage import scope_of

# What is trained: the classifier at random widths, or the gates. A model with
# a new classifier trains both, one after the other.
HEAD = "head"
GATES = "gates"
BOTH = "head, then gates"
# In the configuration of a model whose head is still to be trained.
NEW_HEAD = "new_head"


class DSNetFitting:
    """Runs a DS-Net in training, and adds what its gates learn from.

    Args:
        model: `DSNet`.
    """

    def __init__(self, model):
        self._model = model
        # Each replica of a `tf.distribute` strategy traces in its thread.
        self._step = threading.local()
        # Within an object that Keras does not look into: a file has no seed.
        self.random = types.SimpleNamespace(
            seed=keras.random.SeedGenerator(0, name="widths")
        )
        self.stage = GATES
        self.configure()

    def configure(self, **settings):
        """Sets what `DSNet.configure_training` takes."""
        self._task = GateTask(self._model, **settings)

    def get_config(self):
        """Returns what the configuration of the model says of it."""
        return {NEW_HEAD: True} if self.stage == BOTH else {}

    def set_stage(self, stage):
        """Sets what is trained: `HEAD`, `GATES` or `BOTH`."""
        model, self.stage = self._model, stage
        [head] = model.head_layers
        getattr(model, head).trainable = stage != GATES
        for layer in model.gate_layers:
            layer.slimming.trainable = stage != HEAD
        # A step that was traced trains what it did.
        model.train_function = None

    def run(self, images):
        """Returns the logits at the widths that are drawn for each image."""
        model = self._model
        features = ops.stop_gradient(model.stem(images))
        noise = self._draw_noise(ops.shape(features)[0])
        if self.stage == HEAD:
            # All widths alike, whatever the gates say.
            drawn = [
                one_hot(noise[:, place, : len(gate.choices)])
                for place, gate in enumerate(model.gates)
            ]
            return dsnet_masked.run(model, features, drawn=drawn).logits
        chosen = dsnet_masked.run(model, features, noise)
        self._step.features, self._step.chosen = features, chosen
        return chosen.logits

    def _draw_noise(self, batch):
        """Noise of the Gumbel distribution, (batch, gates, choices)."""
        gates = self._model.gates
        most = max(len(gate.choices) for gate in gates)
        uniform = keras.random.uniform(
            (batch, len(gates), most), 1e-7, 1 - 1e-7, seed=self.random.seed
        )
        return -ops.log(-ops.log(uniform))

    def gate_loss(self, labels):
        """Returns the mean of what `GateTask` adds to the loss of labels."""
        if self.stage == HEAD:
            return 0.0
        task, chosen = self._task, self._step.chosen
        share = chosen.flops / task.total_flops
        loss = task.complexity_weight * ops.square(share)
        if task.guidance_weight:
            suited = task.suited(self._step.features, _as_numbers(labels))
            guided = guidance(chosen.gate_logits, suited)
            loss = loss + task.guidance_weight * guided
        return ops.mean(loss)

    def fit(self, fit, args, kwargs):
        """Runs `Model.fit`, in two parts where the head is new.

        Args:
            fit: Function, `fit` of the model's parent.
            args: Its arguments by position.
            kwargs: Its arguments by name.

        Returns:
            `keras.callbacks.History` of all epochs.
        """
        if self.stage != BOTH or not self._model.compiled:
            return fit(*args, **kwargs)
        given = inspect.signature(keras.Model.fit).bind(None, *args, **kwargs)
        arguments = dict(list(given.arguments.items())[1:])
        first = arguments.pop("initial_epoch", 0)
        last = arguments.pop("epochs", 1)
        if last - first < 2:
            raise ValueError(
                "`epochs` must be 2 or more: the new head of a DS-Net is "
                "trained first, and then its gates. Received: "
                f"epochs={last}, initial_epoch={first}. Pass more epochs."
            )
        return self._fit_both(fit, arguments, first, last)

    def _fit_both(self, fit, arguments, first, last):
        model = self._model
        middle = first + (last - first + 1) // 2
        if not model.optimizer.built:
            # Of both, for it takes no others later.
            self.set_stage(BOTH)
            with scope_of(model):
                model.optimizer.build(model.trainable_variables)
        try:
            self.set_stage(HEAD)
            begun = fit(initial_epoch=first, epochs=middle, **arguments)
            epochs, logs = begun.epoch, begun.history
            self.set_stage(GATES)
            ended = fit(initial_epoch=middle, epochs=last, **arguments)
        except BaseException:
            self.set_stage(BOTH)
            raise
        ended.epoch = [*epochs, *ended.epoch]
        ended.history = {
            name: [*logs.get(name, ()), *values]
            for name, values in ended.history.items()
        }
        return ended


def stages_of(model, epochs, head_epochs, learning_rate, head_learning_rate):
    """Returns the `FineTuningStage`s of a DS-Net."""
    gates = FineTuningStage(
        name=GATES,
        epochs=epochs,
        layers=tuple(layer.name for layer in model.gate_layers),
        learning_rate=learning_rate,
    )
    if not head_epochs:
        return (gates,)
    head = FineTuningStage(
        name=HEAD,
        epochs=head_epochs,
        layers=model.head_layers,
        learning_rate=head_learning_rate,
    )
    return head, gates


def stage_of(model, names):
    """The stage that trains layers of some names.

    Raises:
        ValueError: No stage does.
    """
    gates = {layer.name for layer in model.gate_layers}
    for stage, trained in ((HEAD, {*model.head_layers}), (GATES, gates)):
        if names is not None and {*names} == trained:
            return stage
    raise ValueError(
        "Of a DS-Net the head or the gates are trained; all else was trained "
        f"with the supernet. Received: the layers {names}, where None is all. "
        "Pass the recipe that `keras_elastic.finetune_recipe(model)` returns, "
        "or train a `keras_elastic.Supernet` and make a `DSNet` of it."
    )


def _as_numbers(labels):
    """Numbers of classes of labels, which may be probabilities."""
    labels = ops.convert_to_tensor(labels)
    if len(labels.shape) == 2 and labels.shape[-1] != 1:
        return ops.argmax(labels, axis=-1)
    return ops.reshape(labels, (-1,))

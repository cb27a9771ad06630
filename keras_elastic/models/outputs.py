"""What the outputs of a classifier are: logits, or probabilities already.

Read from the end of the model and from its loss, so that nothing gets a second
softmax, and no regression is answered as a class.
"""

import keras
from keras import ops

LOGITS = "logits"
SOFTMAX = "softmax"
SIGMOID = "sigmoid"

_OF_LABELS = (
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
)
_OF_CLASSES = (
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "SparseCategoricalCrossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "sparse_categorical_crossentropy",
)
_OF_VALUES = (
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "cosine_similarity",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
)
_ACTIVATIONS = {
    "Sigmoid": SIGMOID,
    "Softmax": SOFTMAX,
    "linear": LOGITS,
    # Its softmax is the softmax of what it was made of.
    "log_softmax": LOGITS,
    "sigmoid": SIGMOID,
    "softmax": SOFTMAX,
}
# Layers that keep probabilities probabilities, and logits logits.
_PASSING = (
    "Cast",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "Identity",
    "Reshape",
    "Squeeze",
)


def ending(model):
    """Says what a model ends in, as far as its layers show it.

    Args:
        model: `keras.Model` of one output.

    Returns:
        `"softmax"` or `"sigmoid"` for probabilities, `"logits"` for a layer
        without an activation, or else the name of the last activation or
        layer.
    """
    for layer in backwards(model):
        kind = type(layer).__name__
        if isinstance(layer, keras.Model):
            return ending(layer)
        if kind in _ACTIVATIONS:
            return _ACTIVATIONS[kind]
        function = getattr(layer, "activation", None)
        name = _name(function)
        is_passing = kind in _PASSING or (kind, name) == (
            "Activation",
            "linear",
        )
        if not is_passing:
            return kind if function is None else _ACTIVATIONS.get(name, name)
    return LOGITS


def backwards(model):
    """Yields what a model runs, from the last operation to the first fork."""
    if not hasattr(model, "operations"):
        yield from reversed(getattr(model, "layers", None) or ())
        return
    own = {id(operation) for operation in model.operations}
    operation = model.outputs[0]._keras_history.operation
    while operation is not None:
        yield operation
        operation = _only_parent(operation, own)


def _only_parent(operation, own):
    for node in reversed(operation._inbound_nodes):
        parents = [x._keras_history.operation for x in node.input_tensors]
        # A layer may be used in other models too.
        if len(parents) == 1 and id(parents[0]) in own:
            return parents[0]
    return None


def the_loss(model):
    """Returns the loss of a model with one output: an object, or `None`.

    It may have been given by name, in a list or in a dictionary.
    """
    given = keras.tree.flatten(getattr(model, "loss", None))
    losses = [loss for loss in given if loss is not None]
    loss = losses[0] if losses else None
    return keras.losses.get(loss) if isinstance(loss, str) else loss


def _name(function):
    function = getattr(function, "func", function)
    return getattr(function, "__name__", None) or type(function).__name__


def _is_one_of(loss, names):
    kinds = [kind.__name__ for kind in type(loss).__mro__]
    of_function = _name(getattr(loss, "fn", loss))
    return any(name in names for name in (of_function, *kinds))


def _from_logits(loss):
    """Whether a loss takes logits, or `None` if it does not say."""
    given = getattr(loss, "keywords", {}).get("from_logits")
    stated = getattr(loss, "from_logits", given)
    is_known = _is_one_of(loss, (*_OF_LABELS, *_OF_CLASSES))
    # Functions of Keras take probabilities unless they are told.
    return bool(stated) if stated is not None or is_known else None


def is_multi_label(model):
    """Whether a model tells labels apart, and not classes.

    A binary cross-entropy says so, and a sigmoid at the end, unless the loss
    is one of classes.
    """
    loss = the_loss(model)
    if _is_one_of(loss, _OF_LABELS):
        return True
    return ending(model) == SIGMOID and not _is_one_of(loss, _OF_CLASSES)


def check_classifier(model, multi_label=None):
    """Returns what a classifier returns, and whether labels are apart.

    Args:
        model: `keras.Model` of one output of shape (batch, classes).
        multi_label: Boolean, or `None` for what the model says.

    Returns:
        Pair of `"logits"`, `"softmax"` or `"sigmoid"`, and a boolean.

    Raises:
        ValueError: The model returns other values than scores of classes, or
            `multi_label` contradicts it.
    """
    loss, end = the_loss(model), _stated_end(model)
    is_told = multi_label is not None
    if not is_told:
        multi_label = is_multi_label(model)
    one = model.output_shape[-1] == 1
    for is_wrong, what in (
        (
            end not in (LOGITS, SOFTMAX, SIGMOID),
            f"which ends in the activation '{end}'",
        ),
        (
            end == LOGITS and _is_one_of(loss, _OF_VALUES) and not is_told,
            f"whose loss is that of a regression: {_name(loss)}",
        ),
        (
            end == SOFTMAX and multi_label,
            "which ends in a softmax over classes, for several labels",
        ),
        (
            end == SIGMOID and is_told and not multi_label,
            "which ends in sigmoids, for one class",
        ),
        (
            one and end != SIGMOID and not multi_label,
            "whose only output is no choice: its softmax is always 1",
        ),
    ):
        if is_wrong:
            _refuse(model, what)
    return end, bool(multi_label)


def _stated_end(model):
    """What `ending` says, or the loss of what that does not know."""
    end, loss = ending(model), the_loss(model)
    if end in (LOGITS, SOFTMAX, SIGMOID):
        return end
    takes_logits = _from_logits(loss)
    if takes_logits is False:
        return SIGMOID if _is_one_of(loss, _OF_LABELS) else SOFTMAX
    # A layer without an activation makes logits if nothing else is said.
    return LOGITS if takes_logits or end[:1].isupper() else end


def _refuse(model, what):
    raise ValueError(
        "`model` must be a classifier: logits, or a softmax or sigmoids at "
        f"the end. Received: model={model.name!r}, {what}. Compile it with "
        "the loss that it was trained with, pass `multi_label=True` for labels "
        "of which an image may have any number, or export other values with "
        "`model.export`."
    )


def to_logits(outputs, end):
    """Returns logits of what a model returned.

    Args:
        outputs: Tensor of shape (batch, classes).
        end: What `check_classifier` said of the model.
    """
    outputs = ops.cast(outputs, "float32")
    if end == LOGITS:
        return outputs
    least = keras.config.epsilon()
    logits = ops.log(ops.maximum(outputs, least))
    if end == SIGMOID:
        logits = logits - ops.log(ops.maximum(1.0 - outputs, least))
    return logits


def to_probabilities(outputs, end, multi_label):
    """Returns probabilities of what a model returned; see `to_logits`."""
    outputs = ops.cast(outputs, "float32")
    if end != LOGITS:
        return outputs
    return ops.sigmoid(outputs) if multi_label else ops.softmax(outputs)

"""What stands on the trunk of a child: a classifier, or nothing."""

import keras

from keras_elastic import checks
from keras_elastic.models.class_names import Child
from keras_elastic.models.outputs import SIGMOID
from keras_elastic.models.outputs import SOFTMAX
from keras_elastic.models.outputs import ending
from keras_elastic.models.trunk import feature_maps

POOLINGS = (None, "avg", "max")


def check_head(classes, include_top, pooling, multi_label):
    """Raises a `ValueError` unless the arguments of a head go together.

    Args:
        classes: As `keras_elastic.load`.
        include_top: As `keras_elastic.load`.
        pooling: As `keras_elastic.load`.
        multi_label: As `keras_elastic.load`.
    """
    checks.one_of(POOLINGS, pooling=pooling)
    if include_top and pooling is not None:
        raise ValueError(
            "`pooling` is for a feature extractor. Received: "
            f"pooling={pooling!r} with include_top=True. Pass "
            "`include_top=False`, or leave `pooling` out."
        )
    if not include_top and (classes is not None or multi_label):
        raise ValueError(
            "A feature extractor has no classes. Received: "
            f"include_top=False with classes={classes!r} and "
            f"multi_label={multi_label!r}. Leave them out, or pass "
            "`include_top=True`."
        )
    if classes == 1 and not multi_label:
        raise ValueError(
            "`classes` must be 2 or more: between one there is nothing to "
            "choose. Received: classes=1 with multi_label=False. Pass "
            "`classes=2` for yes or no, or `multi_label=True` for one label "
            "that an image has or has not."
        )
    if multi_label and classes is None:
        raise ValueError(
            "`multi_label=True` needs a new head: the trained one was trained "
            "to choose one class. Received: classes=None. Pass the number of "
            "labels as `classes`."
        )


def without_head(model, pooling=None):
    """Returns a child without its classifier.

    The output is the last feature map before the pooling over all pixels, the
    convolution of the head included, as in `keras.applications`. Fully
    connected layers are left out, those written as a convolution too (VGG).

    Args:
        model: Functional `keras.Model`, whose layers the result shares.
        pooling: `None` for the map itself, of shape (batch, height, width,
            channels); `"avg"` or `"max"` for its mean or maximum over height
            and width, of shape (batch, channels).

    Returns:
        A functional `keras.Model`, not compiled.
    """
    features = feature_maps(model)[-1].features
    if pooling == "avg":
        layer = keras.layers.GlobalAveragePooling2D(name="features")
        features = layer(features)
    if pooling == "max":
        features = keras.layers.GlobalMaxPooling2D(name="features")(features)
    return keras.Model(model.inputs[0], features, name=model.name)


def compile_classifier(model, multi_label=False):
    """Compiles a child for fine-tuning and evaluation.

    Args:
        model: `keras.Model` that returns logits, or ends in a softmax or
            sigmoid.
        multi_label: Whether an image may have any number of labels. Then the
            loss is the binary cross-entropy of each, and the metrics are the
            areas under the curves of precision over recall and of true over
            false positives, averaged over the labels (the first is the mean
            average precision, nearly).

    Returns:
        `model`.
    """
    from_logits = ending(model) not in (SOFTMAX, SIGMOID)
    if multi_label and hasattr(model, "why_one_label"):
        raise ValueError(
            "`multi_label=True` is not for this model. Received: "
            f"model={model.name!r}. {model.why_one_label}"
        )
    if multi_label:
        loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)
        metrics = [
            _area("average_precision", "PR", model, from_logits),
            _area("auc", "ROC", model, from_logits),
        ]
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(
            from_logits=from_logits
        )
        metrics = ["accuracy"]
    model.compile(
        optimizer=keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        loss=loss,
        metrics=metrics,
    )
    return model


def _area(name, curve, model, from_logits):
    # Keras's accuracies compare logits with a threshold for probabilities.
    return keras.metrics.AUC(
        name=name,
        curve=curve,
        multi_label=True,
        num_labels=model.output_shape[-1],
        from_logits=from_logits,
    )


def with_new_classifier(model, classes):
    """Returns a classifier with a new last layer, and what follows it.

    It returns logits, also where the old one had a softmax or a sigmoid. The
    names of the old classes are left out.

    Args:
        model: Functional `keras.Model` that ends in a `Dense` layer, and
            layers without weights. The result shares the layers before.
        classes: Integer. Number of classes.

    Returns:
        A functional `keras.Model`, not compiled.

    Raises:
        ValueError: The last layer with weights is not `Dense`.
    """
    if hasattr(model, "with_new_classifier"):
        # One of its own class knows what else is made for the classes.
        return model.with_new_classifier(classes)
    trained = [index for index, x in enumerate(model.layers) if x.weights]
    old = model.layers[trained[-1]] if trained else None
    if not isinstance(old, keras.layers.Dense):
        raise ValueError(
            "A new head needs a model that ends in a `Dense` layer. Received: "
            f"model={model.name!r}, whose last layer with weights is {old!r}. "
            "Leave `classes` out, and put a head of your own on it."
        )
    config = {**old.get_config(), "units": classes, "activation": "linear"}
    outputs = keras.layers.Dense.from_config(config)(old.input)
    for layer in model.layers[trained[-1] + 1 :]:
        kept = type(layer).from_config(_linear(layer))
        if not isinstance(kept, keras.layers.Softmax):
            outputs = kept(outputs)
    new = Child(model.inputs[0], outputs, name=model.name)
    new.class_names = None
    return new


def _linear(layer):
    is_activation = isinstance(layer, keras.layers.Activation)
    changes = {"activation": "linear"} if is_activation else {}
    return {**layer.get_config(), **changes}

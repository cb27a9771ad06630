"""Names of classes that stay with a model when it is copied or saved.

An attribute of a Keras model is lost by each copy, `.keras` file and pickle,
for a copy is made of the configurations of its layers. So the names are kept
in the configuration of the last layer, which is otherwise a stock
`Activation`, and so is how images are prepared (see `preparation.py`). Files
name the stock classes beside those of this module: Keras without this library
reads the same model, without the names.
"""

import collections
from collections.abc import Mapping
from collections.abc import Set

import keras

from keras_elastic.models import outputs

# Not that of other classes, without which no file of theirs can be read.
PACKAGE = "elastic"
# Where Keras has the classes that are written into files. By these names it
# finds its own where those below are not registered.
_ACTIVATION = ("keras.src.layers.activations.activation", "Activation")
_FUNCTIONAL = ("keras.src.models.functional", "Functional")


class NamedClasses(keras.layers.Activation):
    """The last layer of a child, which may hold the names of its classes.

    And what becomes of an image before, a dictionary.
    """

    class_names = None
    preparation = None

    def get_config(self):
        config = super().get_config()
        held = described(self)
        if not held:
            return config
        # Of a function's description, Keras reads what it knows.
        function = keras.saving.serialize_keras_object(self.activation)
        return {**config, "activation": {**function, **held}}

    @classmethod
    def from_config(cls, config):
        activation = config.get("activation")
        layer = super().from_config(config)
        if isinstance(activation, dict):
            _hold(layer, activation)
        return layer


class Child(keras.Model):
    """A functional model whose last layer is a `NamedClasses`."""

    def call(self, inputs, training=None, mask=None):
        shape = getattr(inputs, "shape", None)
        if shape and shape[0] == 0:
            # TensorFlow's convolutions fail on no images.
            return keras.ops.zeros((0, *self.output_shape[1:]))
        return super().call(inputs, training=training, mask=mask)

    @property
    def class_names(self):
        """Names of the classes, by label; no attribute where none are set."""
        names = getattr(self._last, "class_names", None)
        if names is None:
            raise AttributeError(f"'{self.name}' has no `class_names`.")
        return tuple(names)

    @class_names.setter
    def class_names(self, names):
        self._last.class_names = None if names is None else tuple(names)

    @property
    def preparation(self):
        """What becomes of an image before, a dictionary, or `None`."""
        return getattr(self._last, "preparation", None)

    @preparation.setter
    def preparation(self, values):
        self._last.preparation = values

    def __reduce__(self):
        # By the class that everybody has: files say which one it is.
        _, made_of = super().__reduce__()
        return keras.Model._unpickle_model, made_of

    @property
    def _last(self):
        return self.outputs[0]._keras_history.operation


def _register(cls, place):
    """Registers a class, and gives it the name of the stock one in files."""
    keras.saving.register_keras_serializable(PACKAGE, cls.__name__)(cls)
    cls.__module__, cls.__name__ = place
    cls.__qualname__ = cls.__name__


_register(NamedClasses, _ACTIVATION)
_register(Child, _FUNCTIONAL)


def described(model):
    """What the configuration of a model, or a last layer, holds besides."""
    names = getattr(model, "class_names", None)
    preparation = getattr(model, "preparation", None)
    return {
        **({} if names is None else {"class_names": list(names)}),
        **({} if preparation is None else {"preparation": {**preparation}}),
    }


def revived(cls, config):
    """Makes a model of a class of its own of what `described` is a part of."""
    held = ("class_names", "preparation")
    model = cls(**{k: v for k, v in config.items() if k not in held})
    _hold(model, config)
    return model


def _hold(model, config):
    """Lets a model or a layer hold what `described` has said of another."""
    if config.get("class_names") is not None:
        model.class_names = tuple(config["class_names"])
    if config.get("preparation") is not None:
        model.preparation = dict(config["preparation"])


def find(model):
    """Returns the class names of a model, or of what it ends in.

    That is a model in it, or the last layer of a child, before layers without
    weights: a softmax that was put on it.

    Args:
        model: `keras.Model`, or any object.

    Returns:
        Tuple of strings, or `None`.
    """
    names = getattr(model, "class_names", None)
    if names is not None or not isinstance(model, keras.Model):
        return names
    for layer in outputs.backwards(model):
        if isinstance(layer, keras.Model):
            return find(layer)
        names = getattr(layer, "class_names", None)
        if names is not None or getattr(layer, "weights", None):
            return names
    return None


def give_names(model, names):
    """Returns a model that has names of classes, which its copies keep.

    Args:
        model: `keras.Model`. One of a class of its own gets them; of a
            functional one of Keras's, a child is made that shares its layers.
        names: Tuple of strings.
    """
    if _is_stock(model):
        [inputs], [scores] = model.inputs, model.outputs
        last = NamedClasses("linear", dtype="float32", name="classes")
        model = Child(inputs, last(scores), name=model.name)
    model.class_names = names
    return model


def _is_stock(model):
    """Whether a model is of a class of Keras, and a graph of layers."""
    is_child = isinstance(model, Child)
    return not is_child and type(model).__name__ in ("Functional", "Sequential")


def check(names, classes):
    """Returns names of classes as a tuple of strings.

    Args:
        names: What a caller gave.
        classes: Integer. Number of classes, or `None` for any.

    Raises:
        ValueError: They are not so many strings in an order, two are the
            same, or one is empty or has a line break: files of labels have
            one on each line.
    """
    if isinstance(names, (Set, Mapping)) or not hasattr(names, "__iter__"):
        raise ValueError(
            "`class_names` must be a list of strings, in the order of the "
            f"logits. Received: class_names={_abridged(names)}, of type "
            f"{type(names).__name__}. Pass a list."
        )
    # A string is a sequence of strings too, but never meant as one.
    is_string = isinstance(names, (str, bytes))
    names = (names,) if is_string else tuple(names)
    is_all_strings = all(isinstance(name, str) for name in names)
    if not is_all_strings or classes not in (None, len(names)):
        raise ValueError(
            f"`class_names` must be {classes or 'some'} strings, one for each "
            f"logit of the model. Received: {len(names)} names, "
            f"{_abridged(names)}. "
            "Pass one name for each class, in the order of the logits."
        )
    _check_lines(names)
    return tuple(map(str, names))


def _check_lines(names):
    odd = [name for name in names if not _is_line(name)]
    if odd:
        raise ValueError(
            "`class_names` must each fill one line of text. Received: "
            f"{_abridged(odd)}. Replace line breaks, and give every class a "
            "name."
        )
    counts = collections.Counter(names)
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
        raise ValueError(
            "`class_names` must differ, for answers name their class. "
            f"Received: {_abridged(repeated)} more than once. Tell them apart."
        )


def _is_line(name):
    # Half a surrogate pair, as of a file with an odd name, is no text.
    is_text = not any("\ud800" <= letter <= "\udfff" for letter in name)
    return is_text and name.splitlines() == [name]


def _abridged(names):
    """A thousand names would hide the message around them."""
    if not hasattr(names, "__iter__"):
        return repr(names)
    names = list(names)
    shown = ", ".join(repr(name) for name in names[:3])
    return f"[{shown}{', ...' if len(names) > 3 else ''}]"

"""Checks of arguments, for the public doors of all parts of the package.

A `Rule` says what a value must be. `arguments` puts rules before a function,
`fields` before the fields of a dataclass, whose annotations are rules already;
`positive_integer(steps=steps)` and its like check at once. What is wrong is a
`ValueError` that names the argument, what was expected and what was received.
What is peculiar to one thing, such as "calibrated", is checked beside it.
"""

import collections.abc
import dataclasses
import difflib
import functools
import inspect
import math
import numbers
import os
import types
import typing
from collections.abc import Callable
from collections.abc import Collection
from typing import Any
from typing import TypeVar

# A function keeps its type when it is decorated.
_Function = TypeVar("_Function", bound=Callable)


def is_integer(value: Any) -> bool:
    """Whether a value is an integer, of Python's or NumPy's, no boolean."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a real number, no boolean and not NaN."""
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_real and value == value


def is_finite(value: Any) -> bool:
    """Whether a value is a number that is not infinite."""
    return is_number(value) and math.isfinite(value)


def is_boolean(value: Any) -> bool:
    """Whether a value is a truth value, of Python's or NumPy's."""
    return type(value).__name__ in ("bool", "bool_")


def is_path(value: Any) -> bool:
    """Whether a value can be a path: not empty, and without a null byte."""
    is_one = isinstance(value, (str, os.PathLike)) and bool(str(value))
    return is_one and "\0" not in str(value)


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a value must be.

    Args:
        expected: String that goes on after "must be": "a positive integer".
        fits: Function from a value to whether it will do.
        fix: String. A sentence that says what to pass.
        guess: Function from a value that does not fit to such a sentence.
    """

    expected: str
    fits: Callable[[Any], bool]
    fix: str = ""
    guess: Callable[[Any], str] = lambda value: ""

    def __or__(self, other: "Rule") -> "Rule":
        return Rule(
            f"{self.expected} or {other.expected}",
            lambda value: self.fits(value) or other.fits(value),
            self.fix or other.fix,
            lambda value: self.guess(value) or other.guess(value),
        )

    def check(self, name: str, value: Any) -> None:
        """Raises a `ValueError` that names an argument that does not fit."""
        if not self.fits(value):
            _refuse(name, value, self.expected, self.fix or self.guess(value))


def integer(least: int) -> Rule:
    """The rule of integers of at least `least`."""
    return Rule(
        f"an integer of at least {least}",
        lambda value: is_integer(value) and value >= least,
        f"Pass {least} or more.",
    )


def choice(choices: Collection) -> Rule:
    """The rule of values among some choices; the message lists them."""

    def fits(value):
        # Equal only where the types are: an array would be compared in parts.
        return any(isinstance(value, type(c)) and value == c for c in choices)

    return Rule(
        f"one of {', '.join(map(repr, choices))}",
        fits,
        guess=lambda value: nearest(value, choices),
    )


def nearest(name: Any, names: Collection) -> str:
    """Asks whether a known name was meant: "Did you mean 'bignas'?".

    Args:
        name: What was received.
        names: Collection of what is known.

    Returns:
        String, empty where no name is near.
    """
    known = [other for other in names if isinstance(other, str)]
    if not isinstance(name, str) or name in known:
        return ""
    found = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.7)
    return f"Did you mean {found[0]!r}?" if found else ""


def install(extra: str) -> str:
    """Says how the packages of an extra are installed."""
    return (
        f'Install it with `pip install "keras-elastic[{extra}]"`, or in a '
        f'checkout of the repository with `pip install -e ".[{extra}]"`.'
    )


def instance(*kinds: type) -> Rule:
    """The rule of instances of classes."""
    listed = " or ".join(f"`{kind.__name__}`" for kind in kinds)
    return Rule(f"of type {listed}", lambda value: isinstance(value, kinds))


def having(*names: str, what: str) -> Rule:
    """The rule of objects, not classes, with some attributes or methods."""

    def fits(value):
        is_class = isinstance(value, type)
        return not is_class and all(hasattr(value, name) for name in names)

    return Rule(what, fits)


def each(rule: Rule) -> Rule:
    """The rule of lists and tuples whose entries all follow a rule."""
    return Rule(
        f"a list or tuple, each entry {rule.expected}",
        lambda value: (
            isinstance(value, (list, tuple)) and all(map(rule.fits, value))
        ),
        rule.fix,
    )


NONE = Rule("None", lambda value: value is None)
BOOLEAN = Rule("True or False", is_boolean)
INTEGER = Rule("an integer", is_integer)
POSITIVE_INTEGER = Rule(
    "a positive integer",
    lambda value: is_integer(value) and value >= 1,
    "Pass 1 or more.",
)
COUNT = integer(0)
NUMBER = Rule("a number", is_number)
POSITIVE = Rule(
    "a positive number", lambda value: is_number(value) and value > 0
)
RATE = Rule(
    "a positive number that is finite",
    lambda value: is_finite(value) and value > 0,
)
NON_NEGATIVE = Rule(
    "a number of at least 0", lambda value: is_number(value) and value >= 0
)
FRACTION = Rule(
    "a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1
)
CROP = Rule(
    "a number above 0 and at most 1",
    lambda value: is_number(value) and 0 < value <= 1,
)
BELOW_ONE = Rule(
    "a number of at least 0 and below 1",
    lambda value: is_number(value) and 0 <= value < 1,
)
STRING = Rule("a string", lambda value: isinstance(value, str) and bool(value))
TEXT = Rule("a string", lambda value: isinstance(value, str))
STRINGS = each(STRING)
INTEGERS = each(INTEGER)
FUNCTION = Rule(
    "a function",
    lambda value: callable(value) and not isinstance(value, type),
)
PATH = Rule("a path, a string or `pathlib.Path`", is_path)
MAPPING = Rule(
    "a dictionary", lambda value: isinstance(value, collections.abc.Mapping)
)
SEQUENCE = Rule(
    "a list or tuple",
    lambda value: (
        isinstance(value, collections.abc.Iterable)
        and not isinstance(value, (str, bytes, dict, set, type))
    ),
)
ITERABLE = SEQUENCE
PAIR = Rule(
    "a pair", lambda value: isinstance(value, (list, tuple)) and len(value) == 2
)
NUMBERS = Rule(
    "a number or a list of them",
    lambda value: (
        is_finite(value)
        or isinstance(value, (list, tuple))
        and bool(value)
        and all(map(is_finite, value))
    ),
)


def _is_array(value: Any) -> bool:
    has_both = hasattr(value, "shape") and hasattr(value, "dtype")
    return has_both and not isinstance(value, type)


# In a plan, one number stands for an architecture, an array for many, and a
# tensor for one that is not known yet.
SIZE = Rule(
    "a positive integer, or an array or a tensor of them",
    lambda value: POSITIVE_INTEGER.fits(value) or _is_array(value),
)
ARRAY = Rule("an array", _is_array)
ENCODED = Rule(
    "an array of encoded architectures, integers of shape (count, genes)",
    lambda value: (
        _is_array(value)
        and len(value.shape) in (1, 2)
        and getattr(value.dtype, "kind", "") in ("i", "u")
    ),
)
# What these are is told by what they have: the parts import one another in
# one direction, and checks none of them.
FAMILY = having("name", "space", "plan", what="a family")
FAMILY_OR_NAME = FAMILY | Rule("the name of one", STRING.fits)
SPACE = having("genes", "encode", "sample", what="a `SearchSpace`")
ARCHITECTURE = having(
    "resolution", "expand_ratio", "to_json", what="an `Architecture`"
)
GENES = having(
    "resolution", "width", "depth", what="an `Architecture` or `Genes`"
)
PLAN = having("blocks", "scale", "offset", what="a `Plan`")
MODEL = having("layers", "weights", "get_config", what="a `keras.Model`")
SUPERNET = having("space", "child", "normalizations", what="a `Supernet`")
OPTIMIZER = having("build", "variables", what="a Keras optimizer")
GENERATOR = having("integers", "choice", what="a `numpy.random.Generator`")
SPLIT = having("size", "images", what="a split of a data set")


def _are_images(value: Any) -> bool:
    if _is_array(value):
        return len(value.shape) == 4 and value.shape[-1] == 3
    # What is empty is told where images are read.
    return SEQUENCE.fits(value)


IMAGES = Rule(
    "RGB images: an array of shape (count, height, width, 3), or batches",
    _are_images,
    "Add a batch axis. Make grayscale images RGB with `np.repeat(images, 3, "
    "axis=-1)`. Drop an alpha channel with `images[..., :3]`.",
)


SIZES = Rule(
    "a tuple of positive integers, not empty",
    lambda value: (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(map(POSITIVE_INTEGER.fits, value))
    ),
)


def arguments(**rules: Rule) -> Callable[[_Function], _Function]:
    """Decorates a function: its arguments are checked before it runs.

    Numbers of NumPy become Python's, so that they can go into files.

    Args:
        **rules: `Rule` by the name of the argument.
    """

    pairs = list(rules.items())

    def decorate(function):
        names = list(inspect.signature(function).parameters)
        places = [(names.index(name), name, rule) for name, rule in pairs]

        @functools.wraps(function)
        def checked(*args, **kwargs):
            # Python itself tells of what is missing or unknown.
            given = list(args)
            for place, name, rule in places:
                if name in kwargs:
                    rule.check(name, kwargs[name])
                    kwargs[name] = plain(kwargs[name])
                elif place < len(given):
                    rule.check(name, given[place])
                    given[place] = plain(given[place])
            return function(*given, **kwargs)

        return checked

    return decorate


def fields(instance: Any, **rules: Rule) -> None:
    """Checks the fields of a dataclass, in its `__post_init__`.

    Args:
        instance: The new value. Numbers of NumPy in it become Python's.
        **rules: `Rule` by the name of the field, beside what its annotation
            says: `int`, `float | None`, `tuple[str, ...]`.
    """
    kind: Any = type(instance)
    for name, annotated in _rules_of(kind).items():
        value = getattr(instance, name)
        rules.get(name, annotated).check(name, value)
        if plain(value) is not value:
            object.__setattr__(instance, name, plain(value))


@functools.cache
def _rules_of(kind: type) -> dict[str, Rule]:
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind) if field.init]
    return {name: rule_of(hints[name]) for name in names}


_PLAIN = {
    Any: Rule("any value", lambda value: True),
    bool: BOOLEAN,
    float: NUMBER,
    int: INTEGER,
    str: TEXT,
    type(None): NONE,
}


def rule_of(hint: Any) -> Rule:
    """The rule that an annotation stands for."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(Rule.__or__, map(rule_of, args))
    if origin is tuple and args[-1] is Ellipsis:
        return each(rule_of(args[0]))
    if origin is tuple:
        return PAIR if len(args) == 2 else instance(tuple)
    if collections.abc.Callable in (origin, hint):
        return FUNCTION
    kind = origin or hint
    return instance(kind) if isinstance(kind, type) else _PLAIN[Any]


def plain(value: Any) -> Any:
    """Returns a value with Python's numbers for those of NumPy."""
    if type(value) in (tuple, list):
        entries = [plain(entry) for entry in value]
        if all(a is b for a, b in zip(entries, value, strict=True)):
            return value
        return type(value)(entries)
    is_scalar = type(value).__module__ == "numpy" and hasattr(value, "item")
    return value.item() if is_scalar and value.shape == () else value


def integer_from(least: int, /, **values: Any) -> None:
    """Raises a `ValueError` unless values are integers of at least `least`.

    Args:
        least: Integer.
        **values: What was received, by the names of the arguments.
    """
    _check(integer(least), values)


def positive_integer(**values: Any) -> None:
    """Raises a `ValueError` unless values are integers of at least 1."""
    _check(POSITIVE_INTEGER, values)


def non_negative_integer(**values: Any) -> None:
    """Raises a `ValueError` unless values are integers of at least 0."""
    _check(COUNT, values)


def positive_number(**values: Any) -> None:
    """Raises a `ValueError` unless values are finite numbers above 0."""
    _check(POSITIVE, values)


def non_negative_number(**values: Any) -> None:
    """Raises a `ValueError` unless values are finite numbers of at least 0."""
    _check(NON_NEGATIVE, values)


def fraction(**values: Any) -> None:
    """Raises a `ValueError` unless values are numbers from 0 to 1."""
    _check(FRACTION, values)


def boolean(**values: Any) -> None:
    """Raises a `ValueError` unless values are `True` or `False`."""
    _check(BOOLEAN, values)


def string(**values: Any) -> None:
    """Raises a `ValueError` unless values are strings, not empty."""
    _check(STRING, values)


def strings(**values: Any) -> None:
    """Raises a `ValueError` unless values are lists or tuples of strings."""
    _check(STRINGS, values)


def instance_of(kinds: Any, /, **values: Any) -> None:
    """Raises a `ValueError` unless values are instances of a class.

    Args:
        kinds: Class, or tuple of classes.
        **values: What was received, by the names of the arguments.
    """
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    _check(instance(*kinds), values)


def one_of(choices: Collection, /, **values: Any) -> None:
    """Raises a `ValueError` unless values are among some choices.

    Args:
        choices: Collection of what is allowed; the message lists them.
        **values: What was received, by the names of the arguments.
    """
    _check(choice(choices), values)


def _check(rule: Rule, values: dict[str, Any]) -> None:
    for name, value in values.items():
        rule.check(name, value)


def _refuse(name: str, value: Any, expected: str, fix: str) -> None:
    shown = repr(value)
    if len(shown) > 200 and _is_array(value):
        shown = f"an array of shape {tuple(value.shape)}"
    elif len(shown) > 200:
        shown = f"{shown[:200]}... of type {type(value).__name__}"
    message = f"`{name}` must be {expected}. Received: {name}={shown}."
    raise ValueError(f"{message} {fix}".rstrip())


def check_images(images: Any, name: str = "images") -> None:
    """Raises a `ValueError` unless `images` is a batch of RGB images."""
    shape = tuple(getattr(images, "shape", ()))
    if len(shape) == 4 and shape[-1] == 3:
        return
    fix = "Add a batch axis or stack the images."
    if len(shape) == 4 and shape[-1] == 1:
        fix = "Make grayscale images RGB with `np.repeat(images, 3, axis=-1)`."
    elif len(shape) == 4 and shape[-1] == 4:
        fix = "Drop the alpha channel with `images[..., :3]`."
    raise ValueError(
        f"`{name}` must be RGB images, of shape (batch, height, width, 3). "
        f"Received: {name}.shape={shape}. {fix}"
    )

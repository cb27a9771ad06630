"""Families by name, and families as JSON."""

import dataclasses
from typing import Any

from keras_elastic.families import efficientnet

_FAMILIES: dict[str, Any] = {}


def register(family):
    """Adds a family to those that `get` finds.

    Args:
        family: A frozen dataclass with the fields of its table, a `name`, a
            property `space` and a method `plan(genes, classes)`.

    Returns:
        `family`.

    Raises:
        ValueError: The name is taken by another family.
    """
    known = _FAMILIES.setdefault(family.name, family)
    if known != family:
        raise ValueError(
            f"The name '{family.name}' is taken by another family. "
            "Give yours another `name`."
        )
    return family


def names() -> tuple[str, ...]:
    """Names of the registered families, sorted."""
    return tuple(sorted(_FAMILIES))


def get(name: str, **changes):
    """Returns a family by name.

    Args:
        name: String. One of `names()`.
        **changes: Fields of the family's table to replace, for instance
            `resolution=(96, 128, 160, 192)`.

    Returns:
        The family.

    Raises:
        ValueError: No family has this name, or its table has no such field.
    """
    if name not in _FAMILIES:
        raise ValueError(
            f"`name` must be one of {list(names())}. Received: name={name!r}."
        )
    return _replace(_FAMILIES[name], changes)


def _replace(family, changes):
    fields = [field.name for field in dataclasses.fields(family)]
    unknown = sorted(set(changes) - set(fields))
    if unknown:
        raise ValueError(
            f"The table of '{family.name}' has the fields {fields}. "
            f"Received: {unknown}."
        )
    return dataclasses.replace(family, **changes)


def serialize(family) -> dict:
    """Returns the family's class and table as JSON-compatible values."""
    return {
        "class_name": type(family).__name__,
        "table": dataclasses.asdict(family),
    }


def deserialize(config: dict):
    """Makes a family from what `serialize` returned, also through JSON.

    Raises:
        ValueError: No registered family is of the class that `config` names.
    """
    classes = {type(f).__name__: type(f) for f in _FAMILIES.values()}
    name = config.get("class_name") if isinstance(config, dict) else None
    if name not in classes:
        raise ValueError(
            "`config` must name the class of a registered family: "
            f"{sorted(classes)}. Received: {name!r}. Import the module that "
            "registers it first."
        )
    return classes[name](**_tuples(config["table"]))


def _tuples(value):
    """Replaces the lists that JSON made of tuples."""
    if isinstance(value, dict):
        return {key: _tuples(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_tuples(entry) for entry in value)
    return value


for _family in (
    efficientnet.EFFICIENTNET_B0,
    efficientnet.BIGNAS,
    efficientnet.ATTENTIVENAS,
    efficientnet.BIGNAS_DIGITS,
    efficientnet.BIGNAS_CIFAR10,
):
    register(_family)

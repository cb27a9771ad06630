"""Families by name, and families as JSON."""

import dataclasses
import importlib
import pathlib
import pkgutil
from typing import TYPE_CHECKING
from typing import Any

from keras_elastic import checks
from keras_elastic.spaces import Architecture

if TYPE_CHECKING:
    from keras_elastic.families.family import Family

_FAMILIES: dict[str, Any] = {}
_NETWORKS: dict[str, tuple[str, Architecture]] = {}
# Classes of families that need no registered value to be read from JSON.
_CLASSES: set[type] = set()
# More than any network has that fits into a machine's memory.
_MOST_CHANNELS, _MOST_BLOCKS, _MOST_NUMBERS = 10**5, 10**4, 10**6
# Fields of tables whose numbers are those of blocks.
_COUNT_BLOCKS = ("depth", "more_blocks", "stem_depth", "paths", "groups")

_TABLE = checks.having("name", "__dataclass_fields__", what="a family")


def register(family: "Family") -> Any:
    """Adds a family to those that `get` finds.

    Args:
        family: A frozen dataclass with the fields of its table, a `name`, a
            property `space` and a method `plan(genes, classes)`.

    Returns:
        `family`.

    Raises:
        ValueError: The name is taken by another family.
    """
    _TABLE.check("family", family)
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


@checks.arguments(name=checks.STRING)
def get(name: str, /, **changes: Any) -> Any:
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
            f"`name` must be one of {list(names())}. Received: name={name!r}. "
            f"{checks.nearest(name, names())}".rstrip()
        )
    return _replace(_FAMILIES[name], changes)


def named(family: "Family | str") -> "Family":
    """Returns a family by its name, or a family itself.

    Raises:
        ValueError: It is neither.
    """
    checks.FAMILY_OR_NAME.check("family", family)
    if not isinstance(family, str):
        return family
    checks.one_of(names(), family=family)
    return _FAMILIES[family]


def _replace(family, changes):
    fields = [field.name for field in dataclasses.fields(family)]
    unknown = sorted(set(changes) - set(fields))
    if unknown:
        raise ValueError(
            f"The table of '{family.name}' has the fields {fields}. "
            f"Received: {unknown}."
        )
    changed = dataclasses.replace(family, **changes)
    if changes:
        _check_sizes(dataclasses.asdict(changed))
    return changed


@checks.arguments(family=_TABLE)
def serialize(family: "Family") -> dict:
    """Returns the family's class and table as JSON-compatible values."""
    return {
        "class_name": type(family).__name__,
        "table": dataclasses.asdict(family),
    }


def deserialize(config: dict) -> Any:
    """Makes a family from what `serialize` returned, also through JSON.

    Raises:
        ValueError: No registered family is of the class that `config` names,
            and no module of this folder lists it in `CLASSES`.
    """
    classes = {kind.__name__: kind for kind in _CLASSES}
    classes |= {type(f).__name__: type(f) for f in _FAMILIES.values()}
    name = config.get("class_name") if isinstance(config, dict) else None
    if name not in classes:
        raise ValueError(
            "`config` must name the class of a registered family: "
            f"{sorted(classes)}. Received: {name!r}. Import the module that "
            "registers it first."
        )
    if not isinstance(config.get("table"), dict):
        raise ValueError(
            "`config` must have a `table`, the fields of the family. "
            f"Received: config={config!r}."
        )
    _check_sizes(config["table"])
    return classes[name](**_tuples(config["table"]))


def _check_sizes(table) -> None:
    """Refuses a table of a network that nobody could build.

    A file from elsewhere may say anything, and a plan takes time for each of
    its blocks.
    """
    numbers, blocks, ahead = 0, 0, [("", table)]
    while ahead:
        key, value = ahead.pop()
        if isinstance(value, dict):
            ahead += value.items()
        elif isinstance(value, (list, tuple)):
            ahead += ((key, entry) for entry in value)
        elif isinstance(value, int):
            numbers += 1
            blocks += value if key in _COUNT_BLOCKS else 0
            if not 0 <= abs(value) <= _MOST_CHANNELS:
                raise ValueError(
                    f"The numbers of a family must be {_MOST_CHANNELS} at "
                    f"most. Received: {key}={str(value)[:20]}."
                )
    if blocks > _MOST_BLOCKS or numbers > _MOST_NUMBERS:
        raise ValueError(
            f"A family must have {_MOST_BLOCKS} blocks and {_MOST_NUMBERS} "
            f"numbers at most. Received: {blocks} blocks in all its choices, "
            f"and {numbers} numbers."
        )


def _tuples(value):
    """Replaces the lists that JSON made of tuples."""
    if isinstance(value, dict):
        return {key: _tuples(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_tuples(entry) for entry in value)
    return value


@checks.arguments(
    name=checks.STRING, family=checks.STRING, arch=checks.ARCHITECTURE
)
def register_network(name: str, family: str, arch: Architecture) -> None:
    """Adds a published network to those that `network` finds.

    Args:
        name: String.
        family: Name of a registered family.
        arch: `Architecture` of it.

    Raises:
        ValueError: The name is taken, or `arch` is not in the family's space.
    """
    named(family).space.validate(arch)
    known = _NETWORKS.setdefault(name, (family, arch))
    if known != (family, arch):
        raise ValueError(
            f"The name '{name}' is taken by another network. "
            "Give yours another `name`."
        )


def network_names() -> tuple[str, ...]:
    """Names of the registered networks, sorted."""
    return tuple(sorted(_NETWORKS))


@checks.arguments(name=checks.STRING)
def network(name: str) -> tuple[Any, Architecture]:
    """Returns the family and the architecture of a published network.

    Raises:
        ValueError: No network has this name.
    """
    if name not in _NETWORKS:
        raise ValueError(
            f"`name` must be one of {list(network_names())}. "
            f"Received: name={name!r}. "
            f"{checks.nearest(name, network_names())}".rstrip()
        )
    family, arch = _NETWORKS[name]
    return get(family), arch


def _register_all() -> None:
    """Registers what every module beside this one holds.

    A module of a family has `FAMILIES`, a tuple, and may have `NETWORKS`, a
    dictionary from names to pairs of a family's name and an architecture. So
    a new family is a new file, and nothing else. A class whose values are
    made while a program runs is in the tuple `CLASSES` of its module.
    """
    folder = str(pathlib.Path(__file__).parent)
    names = [module.name for module in pkgutil.iter_modules([folder])]
    modules = [
        importlib.import_module(f"keras_elastic.families.{name}")
        for name in names
        if name not in ("registry", "describing")
    ]
    for module in modules:
        _CLASSES.update(getattr(module, "CLASSES", ()))
        for family in getattr(module, "FAMILIES", ()):
            register(family)
    for module in modules:
        for name, (family, arch) in getattr(module, "NETWORKS", {}).items():
            register_network(name, family, arch)


_register_all()

"""What is found by name, and imported when it is first used.

Keras loads what is registered, and a class is registered when its module is
imported. So that `import keras_elastic` need not import them all, a stand-in
takes the place of each, until its module is imported.
"""

import importlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras

PACKAGE = "keras_elastic"
# Kinds of recipes and of entries, and networks that `build` makes besides a
# family's: the module and the name of the class, or of the function, of each.
RECIPES: dict[str, tuple[str, str]] = {
    "supernet": (f"{PACKAGE}.training.recipe", "Recipe")
}
ENTRIES: dict[str, tuple[str, str]] = {
    "supernet": (f"{PACKAGE}.zoo.entry", "Entry")
}
BUILDERS: dict[str, tuple[str, str]] = {}
# What loads published weights of a network by its name.
PRETRAINED: dict[str, tuple[str, str]] = {
    "imagenet": (f"{PACKAGE}.zoo.imagenet", "pretrained")
}


def find(place: tuple[str, str]) -> Any:
    """Returns what has a name in a module, which is imported."""
    module, name = place
    return getattr(importlib.import_module(module), name)


def register_late(
    package: str,
    names: Mapping[str, Sequence[str]],
    registered_in: str = PACKAGE,
) -> None:
    """Registers classes by name, without importing their modules.

    Args:
        package: The `__name__` of the package that holds the modules.
        names: The names of the classes, by module. Each is registered in its
            module as `register_keras_serializable(package=registered_in)`
            does.
        registered_in: What files call the package.
    """
    for module, held in names.items():
        for name in held:
            # A module that was imported has registered its own.
            known = f"{registered_in}>{name}"
            if keras.saving.get_registered_object(known) is None:
                stand_in = _make_stand_in(f"{package}.{module}", name)
                keras.saving.register_keras_serializable(registered_in, name)(
                    stand_in
                )


def _make_stand_in(module, name):
    class StandIn:
        """Makes objects of the class that it stands for."""

        @classmethod
        def from_config(cls, config):
            return find((module, name)).from_config(config)

        def get_config(self):
            raise NotImplementedError("A stand-in has no objects.")

    return StandIn

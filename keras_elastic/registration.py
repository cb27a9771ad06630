"""Keras classes that are imported when a file first names one of them.

Keras loads what is registered, and a class is registered when its module is
imported. So that `import keras_elastic` need not import them all, a stand-in
takes the place of each, until its module is imported.
"""

import importlib
from collections.abc import Mapping
from collections.abc import Sequence

import keras

PACKAGE = "keras_elastic"


def register_late(package: str, names: Mapping[str, Sequence[str]]) -> None:
    """Registers classes by name, without importing their modules.

    Args:
        package: The `__name__` of the package that holds the modules.
        names: The names of the classes, by module. Each is registered in its
            module as `register_keras_serializable(package="keras_elastic")`
            does.
    """
    for module, held in names.items():
        for name in held:
            # A module that was imported has registered its own.
            if keras.saving.get_registered_object(f"{PACKAGE}>{name}") is None:
                stand_in = _make_stand_in(f"{package}.{module}", name)
                keras.saving.register_keras_serializable(PACKAGE, name)(
                    stand_in
                )


def _make_stand_in(module, name):
    class StandIn:
        """Makes objects of the class that it stands for."""

        @classmethod
        def from_config(cls, config):
            real = getattr(importlib.import_module(module), name)
            return real.from_config(config)

        def get_config(self):
            raise NotImplementedError("A stand-in has no objects.")

    return StandIn

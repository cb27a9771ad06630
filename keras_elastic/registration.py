"""What is found by name, and imported when it is first used.

Keras loads what is registered, and a class is registered when its module is
imported. So that `import keras_elastic` need not import them all, a stand-in
takes the place of each, until its module is imported. Nor is Keras imported
for it: what is to be registered waits until somebody else imports Keras.
"""

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

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

    Where Keras is not imported yet, they are registered right after it is.

    Args:
        package: The `__name__` of the package that holds the modules.
        names: The names of the classes, by module. Each is registered in its
            module as `register_keras_serializable(package=registered_in)`
            does.
        registered_in: What files call the package.
    """
    if "keras" in sys.modules:
        _register(package, names, registered_in)
        return
    if _AFTER_KERAS not in sys.meta_path:
        sys.meta_path.insert(0, _AFTER_KERAS)
    _AFTER_KERAS.waiting.append((package, names, registered_in))


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Registers what waits for Keras, once Keras is imported.

    It finds Keras as all others do, and adds a step to its loading.
    """

    def __init__(self):
        self.waiting: list[tuple] = []
        self._is_asked = False

    def find_spec(self, name, path=None, target=None):
        """Finds Keras; anything else is left to the others."""
        if name != "keras" or self._is_asked:
            return None
        self._is_asked = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._is_asked = False
        if spec is not None and spec.loader is not None:
            self._extend(spec.loader)
        return spec

    def _extend(self, loader):
        execute = loader.exec_module

        def execute_and_register(module):
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            while self.waiting:
                _register(*self.waiting.pop(0))

        loader.exec_module = execute_and_register


_AFTER_KERAS = _AfterKeras()


def _register(package, names, registered_in):
    import keras

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

"""Public names that are imported when they are first used.

A package offers names that need a large library beside names that do not.
Whoever uses the latter neither waits for that library nor has to install it.
"""

import importlib
import sys
import types
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any


def attach(
    package: str,
    names: Mapping[str, Sequence[str]],
    modules: Sequence[str] = (),
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Makes what a package needs to import its public names late.

    A name may be that of the module that holds it: it is then the module's
    object, and not the module, however the module is imported.

    Reference:
        [Module `__getattr__` and `__dir__`](https://peps.python.org/pep-0562/).

    Args:
        package: The package's `__name__`.
        names: The public names, by the module of the package that holds them;
            that of a folder is written with a dot.
        modules: Modules of the package that are public themselves.

    Returns:
        The package's `__getattr__`, `__dir__` and `__all__`. The last two
        list what the package holds already, but for modules, and these
        names.

    Example:

    ```python
    __getattr__, __dir__, __all__ = lazy.attach(
        __name__, {"circles": ["Circle", "area"]}, modules=["squares"]
    )
    ```
    """
    origins = {name: name for name in modules}
    for module, held in names.items():
        origins.update(dict.fromkeys(held, module))
    _keep_names(
        package, {module for module, held in names.items() if module in held}
    )

    def __getattr__(name: str) -> Any:
        if name not in origins:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}"
            )
        module = importlib.import_module(f"{package}.{origins[name]}")
        value = module if name in modules else getattr(module, name)
        # The next use finds it there, and does not come here.
        setattr(sys.modules[package], name, value)
        return value

    # Not what is imported into the package later, or for its own use.
    public = sorted({*_objects_of(package), *origins})

    def __dir__() -> list[str]:
        held = vars(sys.modules[package])
        return sorted({*(n for n in held if n.startswith("__")), *public})

    return __getattr__, __dir__, public


def _objects_of(package):
    """Public names of what a package holds that is not a module."""
    return [
        name
        for name, value in vars(sys.modules[package]).items()
        if not (name.startswith("_") or isinstance(value, types.ModuleType))
    ]


def _keep_names(package: str, shared: set[str]) -> None:
    """Has names of a package stay those of objects, and not of modules.

    Whenever Python imports a module, it sets the attribute of that name of the
    package to the module. The package puts the object of that name there.
    """

    class Package(types.ModuleType):
        def __setattr__(self, name: str, value: Any) -> None:
            if name in shared and isinstance(value, types.ModuleType):
                value = getattr(value, name)
            super().__setattr__(name, value)

    if shared:
        sys.modules[package].__class__ = Package

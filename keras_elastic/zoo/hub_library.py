"""What both hubs need: their libraries, and whether a hub is away."""

import importlib
import importlib.util

# What a preset and an entry say of themselves.
DESCRIPTIONS = ("preset.json", "model.json")
# Of `requests`, `httpx` and its successor: which one a hub's library uses, and
# raises errors of, depends on its version.
_AWAY = {"ConnectionError", "RequestException", "TransportError"}


def load(name: str, address: str):
    """Imports the library of a hub.

    Raises:
        ValueError: It is not installed; says what to install.
    """
    try:
        library = importlib.import_module(name)
        for part in ("config", "constants", "errors", "exceptions"):
            if importlib.util.find_spec(f"{name}.{part}"):
                importlib.import_module(f"{name}.{part}")
    except ImportError as error:
        raise ValueError(
            f"{address!r} needs the package {name}. Install it with `pip "
            'install "keras-elastic[hub]"`, in a checkout with `pip install '
            f'-e ".[hub]"`, or alone with `pip install {name}`. ({error})'
        ) from error
    return library


def is_away(error: Exception) -> bool:
    """Whether an error is that of a hub which cannot be reached."""
    return any(kind.__name__ in _AWAY for kind in type(error).__mro__)

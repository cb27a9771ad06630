"""Wrong calls of the whole public API, and what becomes of them.

`python tests/wrong_calls` prints a table by public name. Each call of a
`Door` is right but for one argument, which gets every value that its kind
rules out. A call is

- clear, if a `ValueError` names the argument;
- raw, if something else is raised, or a `ValueError` that does not name it;
- wrong, if there is no error.

Missing and unknown arguments, of which Python tells, are not in the list. The
doors of each namespace are in a file of `rooms`.
"""

import importlib

ROOMS = (
    *("root", "models", "families", "spaces", "layers", "training"),
    *("selection", "evaluation", "data", "detection", "export", "zoo"),
    "conditional",
)


def doors():
    """Yields all doors, by the namespaces of the package."""
    for room in ROOMS:
        yield from importlib.import_module(f"wrong_calls.rooms.{room}").doors()

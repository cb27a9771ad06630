"""`keras-elastic`: the package on the command line.

keras-elastic train --recipe=bignas_digits
keras-elastic search --run=runs/bignas_digits --flops=1e6
keras-elastic list
keras-elastic info bignas_digits
keras-elastic explore bignas_digits --out=digits.html
keras-elastic load bignas_digits --flops=6e5 --export
keras-elastic finetune bignas --flops=5e7 --dataset=my_photos --out=my_model
"""

import argparse
import importlib
import pkgutil
import sys

from keras_elastic import commands
from keras_elastic.untrusted import printable

# As a user meets them.
_ORDER = (
    *("train", "search", "list", "info", "load", "finetune", "evaluate"),
    "explore",
)


def main(argv=None) -> int:
    """Runs a command, and returns the exit status.

    Args:
        argv: List of strings. Defaults to the arguments of the process.
    """
    arguments = make_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (ImportError, OSError, ValueError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted. Nothing half is left.", file=sys.stderr)
        return 130
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser, with a function to run for each command."""
    parser = argparse.ArgumentParser(
        prog="keras-elastic",
        description="The best image classifier within your budget.",
    )
    added = parser.add_subparsers(required=True, metavar="COMMAND")
    names = [module.name for module in pkgutil.iter_modules(commands.__path__)]
    for name in sorted(names, key=_place):
        module = importlib.import_module(f"{commands.__name__}.{name}")
        # Others hold what several commands share.
        if hasattr(module, "add"):
            module.add(added)
    return parser


def _place(name):
    place = _ORDER.index(name) if name in _ORDER else len(_ORDER)
    return place, name

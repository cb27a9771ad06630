"""Runs `train.py` and `search.py`, wherever the package is installed.

The two lie in the repository's root, where a reader looks first. The package
has links to them, and a wheel copies. Their flags, not those of a parser, are
the arguments.
"""

import argparse
import ast
import importlib.util
import pathlib
import runpy
import sys

from absl import flags

from keras_elastic import registration
from keras_elastic import scripts
from keras_elastic.commands import search_flags
from keras_elastic.commands import train_flags

_SCRIPTS = pathlib.Path(__file__).parent / "scripts"
_DEFINE = {"train": train_flags.define, "search": search_flags.define}
_HELP = {"-h", "-help", "--help", "--helpshort", "--helpfull"}


def add_script(commands, name, text):
    """Adds a command that passes its flags on to a script.

    Args:
        commands: What `add_subparsers` of a parser returned.
        name: `"train"` or `"search"`.
        text: String. What it does.
    """
    command = commands.add_parser(
        name,
        help=text,
        usage=f"keras-elastic {name} [--FLAG=VALUE ...]",
        # No argument is one of the parser's own, not even `--help`.
        prefix_chars="\0",
        add_help=False,
    )
    command.add_argument("flags", nargs=argparse.REMAINDER)
    command.set_defaults(run=lambda given: run_script(name, given.flags))


def run_script(name, arguments) -> None:
    """Runs a script with arguments, or shows its help.

    Args:
        name: `"train"` or `"search"`.
        arguments: List of strings.
    """
    if _HELP & set(arguments):
        print(help_of(name))
        return
    before = sys.argv
    sys.argv = [f"keras-elastic {name}", *arguments]
    try:
        runpy.run_path(str(find(name)), run_name="__main__")
    finally:
        sys.argv = before


def find(name) -> pathlib.Path:
    """Path of a script."""
    path = _SCRIPTS / f"{name}.py"
    text = path.read_text("utf-8").strip()
    # What some systems make of a link: a file with its target.
    return path if "\n" in text else path.parent / text


def help_of(name) -> str:
    """What a script is for and its flags, without all that it imports."""
    source = find(name).read_text("utf-8")
    before = set(flags.FLAGS)
    _DEFINE[name]()
    own = set(flags.FLAGS) - before
    try:
        texts = [(flag, flags.FLAGS[flag].help) for flag in sorted(own)]
    finally:
        for flag in own:
            delattr(flags.FLAGS, flag)
    if name == "train":
        texts += sorted(_recipe_fields().items())
    lines = [
        flags.text_wrap(f"--{flag}: {text}", indent="    ", firstline_indent="")
        for flag, text in texts
    ]
    text = ast.get_docstring(ast.parse(source)) or ""
    text = text.replace(f"python {name}.py", f"keras-elastic {name}")
    return "\n".join([text, "", *lines])


def _recipe_fields():
    """Texts of the fields of all recipes that are flags, by name."""
    texts = {}
    for module, name in (
        ("keras_elastic.training.training_recipe", "TrainingRecipe"),
        *registration.RECIPES.values(),
    ):
        path = pathlib.Path(importlib.util.find_spec(module).origin)
        [table] = [
            node
            for node in ast.parse(path.read_text("utf-8")).body
            if isinstance(node, ast.ClassDef) and node.name == name
        ]
        for field, text in scripts.arguments_of(
            ast.get_docstring(table)
        ).items():
            # Of dictionaries there are no flags.
            if "ictionar" not in text and field != "name":
                texts.setdefault(field, f"Recipe. {text}")
    return texts

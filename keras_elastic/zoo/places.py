"""Where the zoo is, and what lies in it."""

import os
import pathlib
import warnings
from typing import Any

from keras_elastic import checks
from keras_elastic import files
from keras_elastic import registration
from keras_elastic.zoo.entry import Entry
from keras_elastic.zoo.folder import MODEL
from keras_elastic.zoo.folder import read_kind
from keras_elastic.zoo.hub import pulled

# A link to the top-level folder `zoo`; in a wheel, a folder of its own.
_ENTRIES = pathlib.Path(__file__).parent / "entries"
_CHECKOUT = pathlib.Path(__file__).parents[2] / "zoo"
# What a preset has instead of `model.json`.
PRESET = "preset.json"
# Recipes of published systems on data that cannot be carried along.
_RECIPES = "recipes"


def zoo_folder() -> pathlib.Path:
    """Folder of the zoo's entries."""
    # Not every copy of a checkout keeps links.
    return _ENTRIES.resolve() if _ENTRIES.is_dir() else _CHECKOUT


def entry_names() -> tuple[str, ...]:
    """Names of the zoo's entries, sorted."""
    return tuple(
        sorted(path.parent.name for path in zoo_folder().glob("*/model.json"))
    )


def recipe_file(name: str) -> pathlib.Path:
    """Path of a recipe of the zoo: of an entry, or one without an entry.

    Raises:
        ValueError: No recipe of the zoo has this name.
    """
    entries = zoo_folder().glob("*/recipe.py")
    known = {path.parent.name: path for path in entries}
    others = (zoo_folder() / _RECIPES).glob("*.py")
    known.update((path.stem, path) for path in others)
    if name not in known:
        raise ValueError(
            f"The recipe must be a name of the zoo, {sorted(known)}, or a .py "
            f"file. Received: {name!r}. {checks.nearest(name, known)}".rstrip()
        )
    return known[name]


def is_name(name_or_folder) -> bool:
    """Whether a name is that of an entry of the zoo, and of no folder.

    A string that the zoo knows is a name, whatever lies in the working
    directory: a folder there must not take the place of an entry. It is
    reached as `"./name"`, or as a `pathlib.Path`.
    """
    if name_or_folder not in entry_names():
        return False
    folder = pathlib.Path(name_or_folder)
    holds = any((folder / file).is_file() for file in (MODEL, PRESET))
    if holds and not folder.samefile(zoo_folder() / name_or_folder):
        warnings.warn(
            f"{name_or_folder!r} is the zoo's entry of that name, and not the "
            "folder in the working directory. Pass "
            f"'./{name_or_folder}' for the folder.",
            stacklevel=3,
        )
    return True


@checks.arguments(name_or_folder=checks.PATH)
def find_entry(name_or_folder: str | os.PathLike[str]) -> Entry | Any:
    """Finds an entry of the zoo by name, a run by its folder, or on a hub.

    Returns:
        `Entry` of a supernet, or the entry of another kind.

    Raises:
        ValueError: There is neither; the known names are listed.
    """
    if is_name(name_or_folder):
        return _open(zoo_folder() / name_or_folder)
    name_or_folder = pulled(name_or_folder)
    name = str(files.as_path(name_or_folder=name_or_folder))
    if pathlib.Path(name).is_dir():
        return _open(name)
    if name in entry_names():
        # A path that is no folder, such as `pathlib.Path("bignas")`.
        return _open(zoo_folder() / name)
    raise ValueError(
        "`name_or_folder` must be one of:\n"
        f"  1. a name of the zoo: {list(entry_names())}\n"
        "  2. a folder that `keras-elastic train` left;\n"
        "  3. an address on a hub, such as 'hf://user/name'.\n"
        f"Received: {name!r}. "
        f"{checks.nearest(name, entry_names())}".rstrip()
    )


def find_supernet_entry(name_or_folder) -> Entry:
    """Finds an entry as `find_entry`, which must be that of a supernet.

    Raises:
        ValueError: As `find_entry`, or the entry is of another kind.
    """
    entry = find_entry(name_or_folder)
    if isinstance(entry, Entry):
        return entry
    raise ValueError(
        "`name_or_folder` must be an entry of a supernet, whose subnets are "
        f"there to choose from. Received: {str(name_or_folder)!r}, an entry "
        f"of kind {entry.kind!r}. Take its network by "
        "`keras_elastic.load(...)`, or pass another entry."
    )


def _open(folder) -> Any:
    """The entry in a folder, of whatever kind it is."""
    place = registration.ENTRIES[read_kind(files.as_path(folder=folder))]
    return registration.find(place)(folder)

"""The folder of a served model: one folder a version, whole or not there."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from keras_elastic import checks
from keras_elastic import files
from keras_elastic import scratch


@checks.arguments(folder=checks.PATH)
def next_version(folder: str | os.PathLike[str]) -> int:
    """Returns the version after the latest in a folder, or 1.

    Args:
        folder: Path of the folder that `saved_model` writes into.
    """
    return max(versions(folder), default=0) + 1


def versions(folder) -> set[int]:
    """The versions a server would see: the entries whose name is a number."""
    folder = files.as_path(folder=folder)
    with files.refusing(folder=folder):
        if not folder.exists():
            return set()
        return {int(path.name) for path in folder.iterdir() if _is_number(path)}


def _is_number(path):
    return path.name.isascii() and path.name.isdigit()


def check_version(folder, version: int, overwrite: bool = False) -> None:
    """Raises a `ValueError` unless a version can be written."""
    checks.positive_integer(version=version)
    with files.refusing(folder=folder):
        files.try_writing(folder)
        # A kill may have come while a version was replaced.
        scratch.remove_leftovers(folder)
    taken = versions(folder)
    if version in taken and not overwrite:
        raise ValueError(
            "`version` must be one that is not in `folder` yet. "
            f"Received: version={version}, folder='{folder}', which has "
            f"{sorted(taken)}. Pass version={next_version(folder)}, or "
            "`overwrite=True` to replace it."
        )


@contextlib.contextmanager
def writing_version(folder, version: int) -> Iterator[pathlib.Path]:
    """Yields a path that becomes the version when all went well.

    A version that exists is replaced, and stays as it is after an error.

    Args:
        folder: Path of the served model. Made where it does not exist.
        version: Positive integer.

    Raises:
        PathError: The folder cannot be written into, or the disk is full.
    """
    folder = files.as_path(folder=folder)
    with contextlib.ExitStack() as stack:
        with files.refusing(folder=folder):
            # Servers skip the scratch folder, whose name is not a number.
            whole = stack.enter_context(
                files.replacing_folder(folder / str(version))
            )
        yield whole

"""Files that are written whole or not at all, and checked when read."""

import contextlib
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path) -> Iterator[pathlib.Path]:
    """Yields a temporary path that becomes `path` when all went well.

    The temporary file lies beside `path` and has its suffixes, so that
    writers that look at them do as they would for `path`. After an error it is
    removed and `path` is as it was.

    Example:

    ```python
    with replacing("front.csv") as temporary:
        temporary.write_text("flops,accuracy\\n")
    ```
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        temporary = pathlib.Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)


@contextlib.contextmanager
def replacing_folder(path) -> Iterator[pathlib.Path]:
    """Yields the path of a folder to be made, which becomes `path` at the end.

    After an error it is removed and `path` is as it was.

    Example:

    ```python
    with replacing_folder("served/1") as whole:
        whole.mkdir()
        (whole / "labels.txt").write_text("cat\n")
    ```
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = tempfile.TemporaryDirectory(dir=path.parent, prefix=".writing-")
    with scratch as name:
        # One level deeper, for this directory is private to its owner.
        whole = pathlib.Path(name) / "whole"
        yield whole
        _put(whole, path)


def _put(whole, target):
    """Puts a folder in its place by renaming, which happens at once."""
    if not target.exists():
        whole.rename(target)
        return
    # A folder cannot be renamed onto one that is not empty.
    replaced = whole.with_name("replaced")
    target.rename(replaced)
    try:
        whole.rename(target)
    except OSError:
        replaced.rename(target)
        raise


def try_writing(folder) -> None:
    """Raises an `OSError` unless files can be made in a folder.

    A folder that does not exist is not made: it is tried in the nearest one
    above it.
    """
    folder = pathlib.Path(folder).absolute()
    above = (path for path in (folder, *folder.parents) if path.exists())
    with tempfile.TemporaryFile(dir=next(above)):
        pass


def sha256(path) -> str:
    """Returns the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()

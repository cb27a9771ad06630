"""Files that are written whole or not at all, and checked when read."""

import contextlib
import errno
import hashlib
import os
import pathlib
import re
import tempfile
from collections.abc import Iterator

from keras_elastic import scratch

# Why a system takes no files, in its own codes.
_REFUSALS = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
# And in the words of HDF5, of TensorFlow and of NumPy.
_FULL = re.compile(
    r"No space left on device|errno = 28\b|requested and \d+ written"
)
_DIGEST = re.compile(r"([0-9a-f]{64})  (.+)\n")


class PathError(OSError, ValueError):
    """A path that the system refuses, said in one line."""


def as_path(**named) -> pathlib.Path:
    """Returns an argument that is a path, where `~` is the home folder.

    Args:
        **named: What was received, by the name of the argument.

    Raises:
        ValueError: It is no path.
    """
    [(name, value)] = named.items()
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(
            f"`{name}` must be a path, as a string or a `pathlib.Path`. "
            f"Received: {name}={value!r}."
        )
    return pathlib.Path(os.path.expanduser(text))


@contextlib.contextmanager
def replacing(path, digest=False) -> Iterator[pathlib.Path]:
    """Yields a temporary path that becomes `path` when all went well.

    The temporary file lies beside `path` and has its name, so that writers
    that look at suffixes do as they would for `path`. After an error it is
    removed and `path` is as it was.

    Args:
        path: Path of the file. Its parents are made.
        digest: Boolean. Whether to write its SHA-256 beside it, for
            `verified`.

    Raises:
        PathError: The system takes no file there.

    Example:

    ```python
    with replacing("front.csv", digest=True) as temporary:
        temporary.write_text("flops,accuracy\\n")
    ```
    """
    path = as_path(path=path)
    with _in_scratch(path) as folder:
        temporary = folder / path.name
        yield temporary
        if not digest:
            os.replace(temporary, path)
            return
        new = sha256(temporary)
        # Until the file is replaced, the old one is right as well.
        _write_digests(path, [new, *_known_digests(path)], folder)
        os.replace(temporary, path)
        _write_digests(path, [new], folder)


@contextlib.contextmanager
def replacing_folder(path) -> Iterator[pathlib.Path]:
    """Yields the path of a folder to be made, which becomes `path` at the end.

    A folder that is there is replaced in one step. After an error the new one
    is removed and `path` is as it was.

    Raises:
        PathError: The system takes no folder there.

    Example:

    ```python
    with replacing_folder("served/1") as whole:
        whole.mkdir()
        (whole / "labels.txt").write_text("cat\\n")
    ```
    """
    path = as_path(path=path)
    with _in_scratch(path) as folder:
        # One level deeper, for this directory is private to its owner.
        whole = folder / "whole"
        yield whole
        scratch.put(whole, path)


@contextlib.contextmanager
def replacing_files(folder) -> Iterator[pathlib.Path]:
    """Yields a new folder, whose files go into `folder` at the end.

    They belong together: all of them go there, or none. After a kill between
    them, `scratch.remove_leftovers(folder)` moves the others.

    Raises:
        PathError: The system takes no files there.

    Example:

    ```python
    with replacing_files("runs/mine") as new:
        (new / "front.csv").write_text("flops,accuracy\n")
        (new / "model.json").write_text("{}")
    ```
    """
    folder = as_path(folder=folder)
    with _in_scratch(folder / "file") as within:
        new = within / "new"
        new.mkdir()
        yield new
        scratch.put_files(new, folder)


@contextlib.contextmanager
def _in_scratch(path):
    """A scratch folder beside a path; errors of the system name the path."""
    with naming(path):
        make_folder(path.parent)
        with scratch.scratch_folder(path.parent) as folder:
            yield folder


def make_folder(folder) -> None:
    """Makes a folder and its parents, where they do not exist.

    Raises:
        PathError: The system makes no folder there, or a file is.
    """
    folder = pathlib.Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise _path_error(errno.ENOTDIR, folder) from error
    except OSError as error:
        raise _path_error(error.errno, folder) from error


def try_writing(folder) -> None:
    """Raises a `PathError` unless files can be made in a folder.

    A folder that does not exist is not made: it is tried in the nearest one
    above it.
    """
    folder = as_path(folder=folder).absolute()
    above = next(p for p in (folder, *folder.parents) if os.path.lexists(p))
    if not above.is_dir():
        raise _path_error(errno.ENOTDIR, above)
    try:
        with tempfile.TemporaryFile(dir=above) as file:
            # A full disk makes files, but takes nothing into them.
            file.write(bytes(1 << 12))
            file.flush()
    except OSError as error:
        raise _path_error(error.errno, folder) from error


@contextlib.contextmanager
def naming(path) -> Iterator[None]:
    """Within, what the system refuses is a `PathError` that names a path.

    Libraries say "disk full" in words of their own, and name scratch files.
    """
    try:
        yield
    except PathError:
        raise
    except Exception as error:
        code = _refusal(error, pathlib.Path(path))
        if code is None:
            raise
        raise _path_error(code, path) from error


def _refusal(error, path):
    """The code of what a system refuses of a path, or `None` for others."""
    if _FULL.search(str(error)):
        return errno.ENOSPC
    code = error.errno if isinstance(error, OSError) else None
    if code not in _REFUSALS:
        return None
    # An error of another file that is read meanwhile says so itself.
    other = pathlib.Path(error.filename or path)
    near = path.parent in (other, *other.parents) or other in path.parents
    return code if near else None


def _path_error(code, path):
    return PathError(code, os.strerror(code), str(path))


@contextlib.contextmanager
def refusing(**named) -> Iterator[None]:
    """Within, an error of the system says which argument is to be changed.

    Args:
        **named: A path, by the name of the argument.
    """
    [(name, path)] = named.items()
    try:
        yield
    except OSError as error:
        raise PathError(
            f"`{name}` must be a folder that can be written into, or a path "
            f"where one can be made. Received: {name}='{path}' "
            f"({error.strerror}: '{error.filename}'). Pass another folder, or "
            "change the permissions of this one."
        ) from error


def sha256(path) -> str:
    """Returns the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def digest_file(path) -> pathlib.Path:
    """Path of the file beside a file that holds its SHA-256.

    It is what the command `sha256sum` writes.
    """
    path = pathlib.Path(path)
    return path.with_name(f"{path.name}.sha256")


def verified(path) -> pathlib.Path:
    """Returns the path of a file, once its content is checked.

    A file without a digest beside it is taken as it is: files of earlier
    versions, and those of others, have none.

    Raises:
        ValueError: It is not what was written there.
    """
    path = as_path(path=path)
    beside = digest_file(path)
    if beside.is_file() and sha256(path) not in _read_digests(path):
        raise ValueError(
            f"The file {str(path)!r} is damaged or was changed: it is not "
            f"what {beside.name!r} beside it says. Restore the file. If it "
            f"was changed on purpose, delete {beside.name!r}."
        )
    return path


def remove(path) -> None:
    """Removes a file and its digest."""
    # In this order: a digest alone would stay for ever.
    digest_file(path).unlink(missing_ok=True)
    pathlib.Path(path).unlink()


def _known_digests(path):
    """The digests that a file which is there may have."""
    if digest_file(path).is_file():
        return _read_digests(path)
    return [sha256(path)] if path.is_file() else []


def _read_digests(path):
    try:
        lines = digest_file(path).read_text("utf-8").splitlines(keepends=True)
    except UnicodeDecodeError:
        return []
    found = [_DIGEST.fullmatch(line) for line in lines]
    if not all(match and match[2] == path.name for match in found):
        return []
    return [match[1] for match in found]


def _write_digests(path, digests, folder):
    beside = digest_file(path)
    temporary = folder / beside.name
    lines = [f"{digest}  {path.name}\n" for digest in dict.fromkeys(digests)]
    temporary.write_text("".join(lines), "utf-8")
    os.replace(temporary, beside)

"""Scratch folders and locks, neither of which outlives its process.

A process locks a folder by its descriptor, and the system unlocks it when the
process ends, however it ends. So no file has to say who is at work, and a
scratch folder that nobody locks is what a kill left.
"""

import contextlib
import ctypes
import errno
import functools
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

try:
    import fcntl
except ImportError:
    # Not on Windows: nothing is locked, and leftovers stay.
    fcntl = None  # type: ignore[assignment]

PREFIX = ".keras_elastic-"
# Within a scratch folder: what was moved out of the way, and what is whole and
# on its way to its place.
_REPLACED, _READY = "replaced", "ready"
# Of `renameat2`, in Linux's headers.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextlib.contextmanager
def scratch_folder(parent) -> Iterator[pathlib.Path]:
    """Yields a new folder, which is removed at the end.

    Folders of processes that were killed are removed first.

    Args:
        parent: Path of the folder to make it in, which exists.
    """
    parent = pathlib.Path(parent)
    remove_leftovers(parent)
    folder, lock = _make_locked(parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unlock(lock)


def _make_locked(parent):
    while True:
        folder = pathlib.Path(tempfile.mkdtemp(dir=parent, prefix=PREFIX))
        # Before it is locked, another process may take it for a leftover.
        with contextlib.suppress(FileNotFoundError):
            lock = _lock(folder, wait=True)
            if folder.exists():
                return folder, lock
            _unlock(lock)


def remove_leftovers(parent) -> None:
    """Removes the scratch folders in a folder that no process locks.

    A replacement that a kill stopped half-way is ended, or undone, first.
    """
    for folder in pathlib.Path(parent).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = _lock(folder, wait=False)
            if lock is not None:
                _end(folder)
                shutil.rmtree(folder, ignore_errors=True)
                _unlock(lock)


def _end(folder):
    for replaced in folder.glob(f"{_REPLACED}/*"):
        target = folder.parent / replaced.name
        if not target.exists():
            replaced.rename(target)
    _move(folder / _READY, folder.parent)


def put_files(folder, target) -> None:
    """Puts the files of a folder into another, all of them or none.

    Where a kill stops it half-way, `remove_leftovers` ends it.

    Args:
        folder: Path of a folder in a scratch folder of `target`.
        target: Path of a folder.
    """
    ready = folder.with_name(_READY)
    # From this step on they all go.
    folder.rename(ready)
    _move(ready, target)


def _move(folder, target):
    for path in folder.glob("*"):
        os.replace(path, target / path.name)


def put(whole, target) -> None:
    """Puts a folder in a place, where another may be.

    What was there is left where `whole` was, or beside it. On Linux the two
    change places in one step. Elsewhere there are two: what a kill between
    them moved away, `remove_leftovers` puts back.

    Args:
        whole: Path of a folder in a scratch folder beside `target`.
        target: Path.
    """
    if not target.exists():
        whole.rename(target)
        return
    if _exchange(whole, target):
        return
    replaced = whole.with_name(_REPLACED) / target.name
    replaced.parent.mkdir()
    target.rename(replaced)
    try:
        whole.rename(target)
    except OSError:
        replaced.rename(target)
        raise


def _exchange(one, other):
    """Exchanges two paths in one step; returns whether the system can."""
    rename = _renameat2()
    if rename is None:
        return False
    paths = os.fsencode(one), os.fsencode(other)
    if not rename(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE):
        return True
    error = ctypes.get_errno()
    if error in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(error, os.strerror(error), str(other))


@functools.cache
def _renameat2():
    try:
        return ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):
        return None


@contextlib.contextmanager
def locked(folder) -> Iterator[None]:
    """A context in which no other process can lock a folder.

    Where the file system has no locks, nothing is locked.

    Args:
        folder: Path of the folder, which is made where it does not exist.

    Raises:
        ValueError: Another process has locked it.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        lock = _lock(folder, wait=False)
    except BlockingIOError as error:
        raise ValueError(
            f"The folder {str(folder)!r} is in use: another process writes "
            "into it. Wait until it has ended, or pass another folder."
        ) from error
    try:
        yield
    finally:
        _unlock(lock)


def _lock(folder, wait):
    """Locks a folder; returns a descriptor, or `None` if there are no locks.

    Raises:
        BlockingIOError: It is locked, and `wait` is false.
    """
    if fcntl is None:
        return None
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(lock)
        raise
    except OSError:
        # Some network file systems lock nothing.
        os.close(lock)
        return None
    return lock


def _unlock(lock):
    if lock is not None:
        os.close(lock)

"""What a run was made with: versions, machine, and the state of the code."""

import datetime
import importlib.metadata
import json
import pathlib
import platform
import subprocess
import sys

import keras

from keras_elastic import files

_PACKAGES = (
    "keras_elastic",
    "keras",
    "tensorflow",
    "torch",
    "numpy",
    "tensorflow_datasets",
)


def describe_start(**facts):
    """Describes a start of a run.

    Args:
        **facts: What else to tell: the strategy, for instance.

    Returns:
        Dictionary of plain values: when, the command, versions, git commit
        (`None` outside of a checkout) and whether files differ from it.
    """
    return {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "command": sys.argv,
        "backend": keras.backend.backend(),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "versions": _versions(),
        "git_commit": _git("rev-parse", "HEAD"),
        "git_changes": bool(_git("status", "--porcelain")),
        **facts,
    }


def remember_start(path, **facts):
    """Appends `describe_start` to a file of JSON lines."""
    path = files.as_path(path=path)
    files.make_folder(path.parent)
    with files.naming(path), open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(describe_start(**facts)) + "\n")


def _versions():
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _git(*arguments):
    folder = pathlib.Path(__file__).parent
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
        )
    except OSError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None

"""Finds data sets of TensorFlow Datasets (TFDS), on disk or by name."""

import dataclasses
import fnmatch
import os
import re
import typing

import tensorflow as tf

if typing.TYPE_CHECKING:
    import tensorflow_datasets as tfds

# name, name/config, name:version or name/config:version.
_NAME = re.compile(r"([\w-]+)(?:/([^:]+))?(?::(.+))?")


@dataclasses.dataclass(frozen=True)
class _Build:
    """One prepared data set: a directory `<name>[/<config>]/<version>`."""

    name: str
    config: str
    version: str
    directory: str

    def __str__(self) -> str:
        config = f"/{self.config}" if self.config else ""
        return f"{self.name}{config}:{self.version}"


def find_prepared(
    name: str, data_dir: str
) -> "tfds.core.DatasetBuilder | None":
    """Finds a prepared data set on disk. Downloads nothing.

    Works alike whether or not TFDS knows code for the data set.

    Args:
        name: `"name"`, `"name/config"`, `"name:version"` or
            `"name/config:version"`, as in TFDS. The version may hold
            asterisks. Without a config the data set must have none, or only
            one on disk. Without a version it is the newest on disk.
        data_dir: The directory that holds the prepared data sets.

    Returns:
        A builder that reads the files, or `None` if they are not there.
    """
    import tensorflow_datasets as tfds

    match = _NAME.fullmatch(name)
    if match is None:
        return None
    base, config, version = match.groups()
    builds = [
        build
        for build in _builds_of(base, data_dir)
        if fnmatch.fnmatchcase(build.version, version or "*")
        and build.config == (config or build.config)
    ]
    if len({build.config for build in builds}) != 1:
        return None
    newest = max(builds, key=_version_order)
    return tfds.builder_from_directory(newest.directory)


def find_registered(name: str) -> "tfds.core.DatasetBuilder | None":
    """Finds a data set by its TFDS name, and downloads it where it is missing.

    Args:
        name: A name that `tfds.builder` understands.

    Returns:
        A builder of the prepared data set, or `None` if TFDS does not know
        the name.

    Raises:
        ValueError: The data set could not be downloaded.
    """
    import tensorflow_datasets as tfds

    if _NAME.fullmatch(name) is None:
        return None
    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError:
        return None
    if not builder.is_prepared():
        _download(builder, name)
    return builder


def _download(builder, name):
    try:
        builder.download_and_prepare()
    # Without a network; and TFDS asserts that files are there which it may
    # not download by itself, as those of ImageNet.
    except (OSError, AssertionError) as error:
        raise ValueError(
            f"The data set {name!r} is not prepared on this machine, and TFDS "
            f"could not download it: {error}\nMend that, or pass `data_dir`, a "
            "directory that holds it in TFDS form."
        ) from error


def is_registered(name: str) -> bool:
    """Whether TFDS has code for the data set."""
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    return re.split("[/:]", name)[0] in known


def list_prepared(data_dir: str) -> list[str]:
    """Lists the data sets under a directory, as `"name[/config]:version"`."""
    names = _subdirectories(data_dir)
    return [
        str(build) for name in names for build in _builds_of(name, data_dir)
    ]


def _builds_of(name: str, data_dir: str) -> list[_Build]:
    root = os.path.join(data_dir, name)
    builds = []
    for child in _subdirectories(root):
        directory = os.path.join(root, child)
        if _is_build(directory):
            builds.append(_Build(name, "", child, directory))
            continue
        for version in _subdirectories(directory):
            below = os.path.join(directory, version)
            if _is_build(below):
                builds.append(_Build(name, child, version, below))
    return builds


def _subdirectories(directory: str) -> list[str]:
    # TensorFlow's file system, because data sets may lie in a bucket.
    if not tf.io.gfile.isdir(directory):
        return []
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(directory)]
    return sorted(
        name
        for name in names
        if tf.io.gfile.isdir(os.path.join(directory, name))
    )


def _is_build(directory: str) -> bool:
    return all(
        tf.io.gfile.exists(os.path.join(directory, file))
        for file in ("dataset_info.json", "features.json")
    )


def _version_order(build: _Build) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", build.version)]

"""Finds data sets in TFDS form by name, without TFDS."""

import fnmatch
import pathlib
import re

# name, name/config, name:version or name/config:version.
_NAME = re.compile(r"([\w-]+)(?:/([^:]+))?(?::(.+))?")
_FILES = ("dataset_info.json", "features.json")


def find_folder(name: str, data_dir: pathlib.Path) -> pathlib.Path | None:
    """Finds the folder of a prepared data set.

    Args:
        name: `"name"`, `"name/config"`, `"name:version"` or
            `"name/config:version"`, as in TFDS. The version may hold
            asterisks. Without a config the data set must have none, or only
            one on disk. Without a version it is the newest on disk.
        data_dir: The folder that holds the prepared data sets.

    Returns:
        The folder of one version, or `None` if there is none.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    base, config, version = match.groups()
    folders = [
        folder
        for folder in _folders(data_dir / base)
        if fnmatch.fnmatchcase(folder.name, version or "*")
        and (config is None or folder.parent == data_dir / base / config)
    ]
    if len({folder.parent for folder in folders}) != 1:
        return None
    return max(folders, key=_version_order)


def list_names(data_dir: pathlib.Path) -> list[str]:
    """Lists the prepared data sets, as `"name[/config]:version"`."""
    return [
        f"{folder.parent.relative_to(data_dir).as_posix()}:{folder.name}"
        for child in sorted(data_dir.iterdir())
        for folder in _folders(child)
    ]


def _folders(root: pathlib.Path) -> list[pathlib.Path]:
    """Folders of the versions of one data set, with or without configs."""
    infos = [*root.glob(f"*/{_FILES[0]}"), *root.glob(f"*/*/{_FILES[0]}")]
    return sorted(
        info.parent
        for info in infos
        if all((info.parent / file).is_file() for file in _FILES)
    )


def _version_order(folder: pathlib.Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.name)]

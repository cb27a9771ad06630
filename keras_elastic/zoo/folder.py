"""What entries of every kind have: a folder, its description, its files."""

import functools
import os
import pathlib
from typing import Any

from keras_elastic import checks
from keras_elastic import files
from keras_elastic import registration
from keras_elastic import scratch
from keras_elastic import untrusted
from keras_elastic.models.preparation import Preparation

MODEL = "model.json"
FRONT = "front.csv"
RECIPE = "recipe.json"

FORMAT = 2
# Descriptions were written before there were other kinds.
SUPERNET = "supernet"
# What every network of this library takes, and what an export does before.
PREPROCESSING = {
    "channels": "RGB",
    "values": [0, 255],
    "crop": "largest central square",
    "resize": "bicubic, antialiased",
}


def describe_preparation(preparation) -> dict:
    """Returns what `preprocessing` says, in words and in numbers."""
    described = {**PREPROCESSING, **preparation.to_dict()}
    fraction, patch = preparation.crop_fraction, preparation.patch_size
    if fraction is not None:
        described["crop"] = f"central square, {fraction:.4g} of the least side"
    if patch is not None:
        described["resize"] += f", to {patch} pixels"
    return described


class EntryFolder:
    """A folder of the zoo or of a training run, of any kind.

    Args:
        folder: Path of the folder.

    Raises:
        ValueError: The folder is not an entry, or of another kind.
    """

    # What `model.json` must hold.
    required: tuple[str, ...] = (
        "format",
        "name",
        "dataset",
        "classes",
        "class_names",
        "preprocessing",
        "files",
    )

    @checks.arguments(folder=checks.PATH)
    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = files.as_path(folder=folder)
        self._model = read_model(self.folder)
        self._check_kind()

    def _check_kind(self) -> None:
        """Raises a `ValueError` for an entry that another class reads."""
        place = registration.ENTRIES[self.kind]
        if registration.find(place) is not type(self):
            raise ValueError(
                f"`folder` must be one that {type(self).__name__} reads. "
                f"Received: {str(self.folder)!r}, of kind {self.kind!r}. Open "
                "it with `keras_elastic.zoo.find_entry`."
            )

    @property
    def kind(self) -> str:
        """Kind of the entry: `"supernet"`, `"basisnet"` and so on."""
        return self._model.get("kind", SUPERNET)

    @property
    def name(self) -> str:
        """Name of the entry."""
        return self._model["name"]

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self._model["classes"]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that a person can read, by label."""
        return tuple(self._model["class_names"])

    @property
    def labels(self) -> tuple[str, ...]:
        """What the data set calls the classes, by label."""
        return tuple(self._model.get("labels", self.class_names))

    @property
    def dataset(self) -> str:
        """Name of the data set that it is trained on."""
        return self._model["dataset"]

    @property
    def preprocessing(self) -> dict:
        """What becomes of an image before a network takes it."""
        return self._model["preprocessing"]

    @property
    def preparation(self) -> Preparation:
        """The same, as exports and calibration follow it."""
        return Preparation.from_dict(self.preprocessing)

    @property
    def is_trained(self) -> bool:
        """Whether the entry has weights."""
        return FRONT in self._model["files"]

    @property
    def size(self) -> int:
        """Bytes of the files that a network is loaded from."""
        files_of = [self.folder / name for name in self._model["files"]]
        return sum(file.stat().st_size for file in files_of if file.is_file())

    @functools.cached_property
    def recipe(self) -> Any:
        """The recipe that trained the entry."""
        # Whoever loads a network has no use for all that trains one.
        from keras_elastic.training.training_recipe import recipe_from_json

        return recipe_from_json(self._verified(RECIPE).read_text("utf-8"))

    def verified_files(self) -> list[pathlib.Path]:
        """Paths of the files that make it up, once they are checked."""
        return [
            self.folder / MODEL,
            *(self._verified(file) for file in self._model["files"]),
        ]

    def _verified(self, file: str) -> pathlib.Path:
        """Path of a file of the entry, once its content is checked."""
        if file not in self._model["files"]:
            raise ValueError(
                f"The entry '{self.name}' has no trained weights yet "
                f"(no {file} in {str(self.folder)!r}). Pass `weights=None` "
                "for random initialization, or train it: "
                f"`keras-elastic train --recipe={self.name}`."
            )
        path = self.folder / file
        if not path.is_file():
            raise ValueError(
                f"The entry '{self.name}' lacks its file {file}. "
                f"Received: {str(self.folder)!r}. Restore the file, or train "
                "again."
            )
        if files.sha256(path) != self._model["files"][file]:
            raise ValueError(damaged(path))
        return path


def damaged(path):
    return (
        f"The file {path.name} is damaged or was changed: it is not what "
        f"{MODEL} beside it describes. Received: {str(path)!r}. Restore the "
        "file, or train again."
    )


def read_kind(folder: pathlib.Path) -> str:
    """Reads of which kind the entry in a folder is."""
    return read_model(folder).get("kind", SUPERNET)


def read_model(folder: pathlib.Path) -> dict:
    """Reads `model.json`, and checks what all kinds have in it."""
    # A kill may have come between the files of an entry.
    scratch.remove_leftovers(folder)
    path = folder / MODEL
    if not path.is_file():
        raise ValueError(
            f"`folder` must be a run or a zoo entry, with a {MODEL}. "
            f"Received: {str(folder)!r}, which has none. A finished "
            "`keras-elastic train` leaves such a folder."
        )
    fix = "Restore the file, or train again."
    model = untrusted.read_json(files.verified(path), fix)
    kind = model.get("kind", SUPERNET)
    if not isinstance(kind, str) or kind not in registration.ENTRIES:
        raise ValueError(
            f"{str(path)!r} must describe an entry of one of the kinds "
            f"{sorted(registration.ENTRIES)}. Received: kind={kind!r}."
        )
    required = registration.find(registration.ENTRIES[kind]).required
    missing = [key for key in required if key not in model]
    if missing or model["format"] != FORMAT:
        raise ValueError(
            f"{str(path)!r} must describe an entry of format {FORMAT}. "
            f"Received: format {model.get('format')}, without {missing}."
        )
    wrong = [key for key, fits in _KINDS.items() if not fits(model)]
    if wrong:
        raise ValueError(
            f"{str(path)!r} must describe an entry. Received: {wrong} that "
            f"are not what they must be. {fix}"
        )
    return model


def _are_strings(values) -> bool:
    return isinstance(values, list) and all(isinstance(v, str) for v in values)


# What the values of an entry must be.
_KINDS = {
    "name": lambda model: isinstance(model["name"], str),
    "dataset": lambda model: isinstance(model["dataset"], str),
    "preprocessing": lambda model: isinstance(model["preprocessing"], dict),
    "classes": lambda model: checks.is_integer(model["classes"]),
    "class_names": lambda model: (
        _are_strings(model["class_names"])
        and len(model["class_names"]) == model["classes"]
    ),
    "labels": lambda model: (
        "labels" not in model
        or _are_strings(model["labels"])
        and len(model["labels"]) == model["classes"]
    ),
    "files": lambda model: (
        isinstance(model["files"], dict)
        and _are_strings(list(model["files"].values()))
    ),
}

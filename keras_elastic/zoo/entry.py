"""An entry: a folder that holds a supernet, its front and its card.

The folders of the zoo and of training runs are alike:

    model.json            family, data set, classes, preprocessing, SHA-256s
    recipe.json           the recipe that trained it
    front.csv             architectures with their costs and accuracies
    supernet.weights.h5   the shared weights, float16 if that holds them
    statistics.npz        normalization statistics of each row of the front

An entry without weights has `model.json` only.
"""

import functools
import pathlib
import zipfile

import keras
import numpy as np

from keras_elastic import checks
from keras_elastic import families
from keras_elastic import files
from keras_elastic import scratch
from keras_elastic import untrusted
from keras_elastic.models.extraction import extract_child
from keras_elastic.models.weights_file import read_weights
from keras_elastic.selection import Front
from keras_elastic.spaces import costs

MODEL = "model.json"
FRONT = "front.csv"
WEIGHTS = "supernet.weights.h5"
STATISTICS = "statistics.npz"
RECIPE = "recipe.json"

FORMAT = 2
# Of a supernet that a table describes, for which nothing else vouches.
_MOST_PARAMS = 2 * 10**9
_REQUIRED = (
    "format",
    "name",
    "family",
    "dataset",
    "classes",
    "class_names",
    "preprocessing",
    "files",
)
# What every network of this library takes, and what an export does before.
PREPROCESSING = {
    "channels": "RGB",
    "values": [0, 255],
    "crop": "largest central square",
    "resize": "bicubic, antialiased",
}


class Entry:
    """A folder of the zoo or of a training run.

    Args:
        folder: Path of the folder.

    Raises:
        ValueError: The folder is not an entry.
    """

    @checks.arguments(folder=checks.PATH)
    def __init__(self, folder):
        self.folder = files.as_path(folder=folder)
        # A kill may have come between the files of an entry.
        scratch.remove_leftovers(self.folder)
        self._model = _read_model(self.folder)

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
    def is_trained(self) -> bool:
        """Whether the entry has weights."""
        return WEIGHTS in self._model["files"]

    @property
    def size(self) -> int:
        """Bytes of the files that a network is loaded from."""
        files_of = [self.folder / name for name in self._model["files"]]
        return sum(file.stat().st_size for file in files_of if file.is_file())

    @functools.cached_property
    def family(self):
        """The family, with the table that the entry was written with."""
        try:
            family = families.deserialize(self._model["family"])
            params = costs(
                family.plan(family.space.largest, self.classes)
            ).params
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f"`family` must be a table of a family. Received: that of "
                f"{str(self.folder / MODEL)!r} ({error!r}). Restore the file."
            ) from error
        self._check_params(params, _MOST_PARAMS)
        return family

    def _check_params(self, params, most) -> None:
        if params > most:
            raise ValueError(
                f"{str(self.folder / MODEL)!r} must describe a supernet of "
                f"{most} weights at most, which is what can be loaded. "
                f"Received: {params}. Restore the file."
            )

    def _weights(self) -> pathlib.Path:
        """Path of the weights, once they can be those of the family."""
        path = self._verified(WEIGHTS)
        family = self.family
        counted = costs(family.plan(family.space.largest, self.classes))
        # Each takes two bytes at least.
        self._check_params(counted.params, path.stat().st_size // 2)
        return path

    @functools.cached_property
    def recipe(self):
        """The `Recipe` that trained the entry."""
        # Whoever loads a network has no use for all that trains one.
        from keras_elastic.training import Recipe

        return Recipe.from_json(self._verified(RECIPE).read_text("utf-8"))

    @functools.cached_property
    def front(self) -> Front:
        """The front, checked against the family."""
        path = self._verified(FRONT)
        return Front.read(path, self.family, self.classes)

    @checks.arguments(weights=checks.BOOLEAN)
    def supernet(self, weights: bool = True):
        """Returns the `Supernet`, with its weights unless told otherwise.

        Raises:
            ValueError: The entry has no weights, or they are damaged.
        """
        # A network is sliced from the file, without a supernet.
        from keras_elastic.models import Supernet

        path = self._weights() if weights else None
        supernet = Supernet(self.family, self.classes)
        if weights:
            try:
                supernet.load_weights(path)
            except (OSError, KeyError) as error:
                raise ValueError(_damaged(path)) from error
        return supernet

    @checks.arguments(
        arch=checks.ARCHITECTURE, classes=checks.POSITIVE_INTEGER | checks.NONE
    )
    def child(self, arch, statistics=None, classes=None) -> keras.Model:
        """Extracts an architecture, as `Supernet.child` does, but faster.

        The supernet is not made: the child's part of the weights comes from
        the file.

        Args:
            arch: As `Supernet.child`.
            statistics: As `Supernet.child`.
            classes: As `Supernet.child`.

        Raises:
            ValueError: The entry has no weights, they are damaged, or `arch`
                is not in the space.
        """
        path = self._weights()
        weights = read_weights(path, self.family, self.classes)
        return extract_child(
            self.family,
            arch,
            weights.__getitem__,
            self.classes,
            statistics=statistics,
            new_classes=classes,
        )

    @checks.arguments(row=checks.COUNT)
    def statistics(self, row: int) -> dict[str, np.ndarray]:
        """Returns the normalization statistics of a row of the front."""
        if row >= len(self.front.rows):
            raise ValueError(
                f"`row` must be below {len(self.front.rows)}, the number of "
                f"rows of the front. Received: row={row}."
            )
        path = self._verified(STATISTICS)
        prefix = f"{row}/"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return {
                    key.removeprefix(prefix): arrays[key]
                    for key in arrays.files
                    if key.startswith(prefix)
                }
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise ValueError(_damaged(path)) from error

    def _verified(self, file: str) -> pathlib.Path:
        """Path of a file of the entry, once its content is checked."""
        if file not in self._model["files"]:
            raise ValueError(
                f"The entry '{self.name}' has no trained weights yet "
                f"(no {file} in {str(self.folder)!r}). Pass `weights=None` "
                "for random initialization, or train it, in a checkout of "
                f"the repository: `python train.py --recipe={self.name}`."
            )
        path = self.folder / file
        if not path.is_file():
            raise ValueError(
                f"The entry '{self.name}' lacks its file {file}. "
                f"Received: {str(self.folder)!r}. Restore the file, or train "
                "again."
            )
        if files.sha256(path) != self._model["files"][file]:
            raise ValueError(_damaged(path))
        return path


def _damaged(path):
    return (
        f"The file {path.name} is damaged or was changed: it is not what "
        f"{MODEL} beside it describes. Received: {str(path)!r}. Restore the "
        "file, or train again."
    )


def _read_model(folder: pathlib.Path) -> dict:
    path = folder / MODEL
    if not path.is_file():
        raise ValueError(
            f"`folder` must be a run or a zoo entry, with a {MODEL}. "
            f"Received: {str(folder)!r}, which has none. A finished "
            "`python train.py` leaves such a folder."
        )
    fix = "Restore the file, or train again."
    model = untrusted.read_json(files.verified(path), fix)
    missing = [key for key in _REQUIRED if key not in model]
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

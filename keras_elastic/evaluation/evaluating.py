"""An evaluation: a model, the images of a data set, and a folder of figures."""

import itertools
import os
import warnings
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_elastic import checks
from keras_elastic import data
from keras_elastic import files
from keras_elastic.evaluation import answers
from keras_elastic.evaluation import pictures
from keras_elastic.evaluation.activation_map import activation_map
from keras_elastic.evaluation.activation_map import check_map
from keras_elastic.evaluation.report import REPORT
from keras_elastic.evaluation.report import EvaluationReport
from keras_elastic.models import class_names

if TYPE_CHECKING:
    import keras

    from keras_elastic.data.image_dataset import ImageDataset

SPLITS = ("test", "held_out", "train", "all")
_MISTAKES = 25
_BATCH = 64


@checks.arguments(
    model=checks.MODEL,
    dataset=checks.having("class_names", "test", what="an `ImageDataset`"),
    folder=checks.PATH | checks.NONE,
    split=checks.choice(SPLITS),
    against=checks.MODEL | checks.NONE,
    cam=checks.PATH | checks.NONE,
    overwrite=checks.BOOLEAN,
)
def evaluate(
    model: "keras.Model",
    dataset: "ImageDataset",
    folder: str | os.PathLike[str] | None = None,
    *,
    split: str = "test",
    against: "keras.Model | None" = None,
    cam: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
) -> EvaluationReport:
    """Says how good a classifier is on labeled images, and where it errs.

    The folder is written whole or not at all. It holds:

    - `report.json`: top-1 with its standard error, top-5, the expected
      calibration error (Guo et al., 2017, 15 bins), the accuracy of each class
      by its name in `accuracy_by_class` (`null` for one without images), and
      the flips;
    - `classes.csv`: images, precision and recall of each class;
    - `confusion.csv` and `confusion.png`: images of the class of a row that
      were taken for that of a column;
    - `mistakes.png`: the 25 most confident mistakes, if there are any;
    - `flips.csv`, with `against`: what one model has right and the other not;
    - `cam.png`, with `cam`: the class activation map of an image.

    Classes are matched by their names where both the model and the data set
    have names; the data set may then lack some. Without Matplotlib, the extra
    `plots`, there are no pictures, and a warning says so.

    Args:
        model: Calibrated `keras.Model` from images of shape (batch,
            resolution, resolution, 3), pixels in 0..255, to logits, or to
            probabilities of a softmax.
        dataset: `ImageDataset`, as `keras_elastic.data.load_dataset` returns.
        folder: Path of a new folder, or `None` to write nothing.
        split: `"test"`, `"held_out"`, `"train"` or `"all"` images.
        against: Another such model, of its own resolution, to count flips
            against.
        cam: Path of an image for an activation map of what it is taken for;
            see `activation_map`. It needs `folder`.
        overwrite: Boolean. Whether to replace a report that is there.

    Returns:
        `EvaluationReport`. Printed, it is a table.

    Raises:
        ValueError: The classes do not fit, there are no images, the model is
            no classifier of one class an image, the activation map cannot be
            computed, or the folder exists or cannot be written.

    Example:

    ```python
    model = keras_elastic.load("bignas_digits", flops=1e6)
    digits = keras_elastic.data.load_dataset("digits")
    report = keras_elastic.evaluation.evaluate(model, digits, "evaluated")
    print(report)
    ```
    """
    folder = _check_folder(folder, overwrite, cam)
    splits = _check_split(dataset, split)
    asked = _Asked.check("model", model, dataset)
    other = None
    if against is not None:
        other = against.name, _Asked.check("against", against, dataset)
    image = None if cam is None else _check_cam(model, cam)
    found = asked.answers(splits, _MISTAKES)
    others = other and (other[0], other[1].answers(splits))
    report = EvaluationReport.measure(
        found,
        asked.names,
        others,
        model=model.name,
        dataset=dataset.name,
        split=split,
    )
    if folder is not None:
        with files.replacing_folder(folder) as whole:
            whole.mkdir()
            report.write(whole)
            _draw(whole, report, found.mistakes, model, image)
    return report


class _Asked(NamedTuple):
    """A model that fits a data set, and its numbers for the classes of it."""

    model: Any
    names: tuple[str, ...]
    places: np.ndarray

    @classmethod
    def check(cls, argument, model, dataset):
        """Raises a `ValueError` unless a model can be asked."""
        shape = getattr(model, "input_shape", None)
        is_square = (
            isinstance(shape, tuple)
            and len(shape) == 4
            and shape[1] is not None
            and shape[1:] == (shape[1], shape[1], 3)
        )
        if not is_square:
            raise ValueError(
                f"`{argument}` must take square RGB images, of shape (batch, "
                f"resolution, resolution, 3). Received: {model.name!r} of "
                f"input shape {shape}. Build it on such a `keras.Input`."
            )
        answers.check_single_label(model)
        known, classes = class_names.find(model), model.output_shape[-1]
        given = dataset.class_names
        places = answers.match_classes(
            model.name, known, classes, dataset.name, given
        )
        # What the data set calls them says more than numbers.
        is_nameless = known is None or answers.are_numbers(known)
        names = given if is_nameless else known
        return cls(model, class_names.check(names, classes), places)

    def answers(self, splits, mistakes=0):
        batches = itertools.chain.from_iterable(
            data.evaluation_batches(
                split, batch_size=_BATCH, patch_size=self.model.input_shape[1]
            )
            for split in splits
        )
        with data.naming_corrupt_files():
            return answers.ask(self.model, batches, self.places, mistakes)


def _check_folder(folder, overwrite, cam):
    if folder is None:
        if cam is not None:
            raise ValueError(
                "`cam` needs a `folder`, into which its map is drawn. "
                f"Received: cam={str(cam)!r} with folder=None. Pass a folder, "
                "or take the numbers from `activation_map`."
            )
        return None
    folder = files.as_path(folder=folder)
    with files.refusing(folder=folder):
        files.try_writing(folder.parent)
    holds_report = (folder / REPORT).is_file()
    if os.path.lexists(folder) and not (overwrite and holds_report):
        fix = "Pass `overwrite=True` to replace it, or another folder."
        if not holds_report:
            fix = "It holds no report. Pass another folder."
        raise ValueError(
            "`folder` must be a new path, so that nothing is lost. Received: "
            f"folder={str(folder)!r}, which exists. {fix}"
        )
    return folder


def _check_split(dataset, split):
    names = SPLITS[:-1] if split == "all" else (split,)
    splits = [getattr(dataset, name) for name in names]
    splits = [images for images in splits if images.size]
    if not splits:
        raise ValueError(
            "`split` must be one with images. Received: "
            f"split={split!r} of '{dataset.name}', which has none."
        )
    return splits


def _check_cam(model, path):
    """Returns the image of an activation map, of whatever size it is."""
    from keras_elastic.data.image_files import read_image

    check_map(model)
    path = files.as_path(cam=path)
    if not path.is_file():
        raise ValueError(
            "`cam` must be the path of an image. Received: "
            f"cam={str(path)!r}, which is no file."
        )
    with data.naming_corrupt_files():
        return read_image(os.fspath(path)).numpy()


def _draw(folder, report, mistakes, model, image):
    if not pictures.can_draw():
        warnings.warn(
            "Pictures need Matplotlib: only numbers were written. Install it "
            'with `pip install "keras-elastic[plots]"`.',
            stacklevel=4,
        )
        return
    pictures.draw_confusion(folder / pictures.CONFUSION, report)
    if mistakes:
        names = report.class_names
        pictures.draw_mistakes(folder / pictures.MISTAKES, mistakes, names)
    if image is not None:
        values, label = activation_map(model, image)
        square = data.center_patch(image, model.input_shape[1]).numpy()
        pictures.draw_map(
            folder / pictures.MAP,
            np.round(square).astype("uint8"),
            values,
            f"taken for {report.class_names[label]}",
        )

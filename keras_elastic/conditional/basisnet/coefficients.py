"""Which bases a BasisNet mixes, class by class and block by block."""

import csv
import dataclasses
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

import numpy as np

from keras_elastic import files
from keras_elastic.conditional.basisnet.early_exit import stages_of
from keras_elastic.conditional.results import run_batches

if TYPE_CHECKING:
    from keras_elastic.conditional.basisnet.model import BasisNet


@dataclasses.dataclass(frozen=True, eq=False)
class CoefficientTable:
    """Mean coefficients of the images of each class.

    Reference:
    - BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et
      al., 2021), section C of the supplement: mean weights by class at the
      last blocks with bases.

    Args:
        means: Array of shape (classes, basis blocks, num_bases); NaN for a
            class without images.
        blocks: Names of the blocks with bases.
        images: Integer array of shape (classes,): images of each class.
        class_names: Names of the classes.
    """

    means: np.ndarray
    blocks: tuple[str, ...]
    images: np.ndarray
    class_names: tuple[str, ...]

    def write(self, path: str | os.PathLike[str]) -> pathlib.Path:
        """Writes a CSV file of a line for each class and block."""
        bases = [f"basis_{n + 1}" for n in range(self.means.shape[-1])]
        with files.replacing(path) as temporary:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(["class", "images", "block", *bases])
                writer.writerows(self._lines())
        return files.as_path(path=path)

    def _lines(self):
        for number, name in enumerate(self.class_names):
            if not self.images[number]:
                continue
            for place, block in enumerate(self.blocks):
                values = self.means[number, place]
                shown = [f"{value:.6f}" for value in values]
                yield [name, int(self.images[number]), block, *shown]


def measure_coefficients(
    model: "BasisNet",
    batches: Iterable[Any],
    class_names: Sequence[str] | None = None,
) -> CoefficientTable:
    """Measures the mean coefficients of each class.

    Args:
        model: `BasisNet`, calibrated.
        batches: Iterable of pairs of images, pixels in 0..255 of shape (batch,
            height, width, 3), and integer labels.
        class_names: Names of the classes. Defaults to their numbers.

    Returns:
        A `CoefficientTable`.

    Raises:
        ValueError: There are no images, or not as many names as classes.
    """
    classes = model.classes
    names = tuple(class_names or map(str, range(classes)))
    if len(names) != classes:
        raise ValueError(
            f"`class_names` must be {classes} names, one a class. "
            f"Received: {len(names)} names."
        )
    sums = np.zeros((classes, len(model.basis_blocks), model.num_bases))
    images_of = np.zeros(classes, int)
    for _, coefficients, _, labels in run_batches(stages_of(model), batches):
        np.add.at(sums, labels, coefficients)
        np.add.at(images_of, labels, 1)
    if not images_of.any():
        raise ValueError(
            "`batches` must hold at least one batch. Received: none."
        )
    counts = np.where(images_of, images_of, np.nan)[:, None, None]
    return CoefficientTable(
        sums / counts, model.basis_block_names, images_of, names
    )

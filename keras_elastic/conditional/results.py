"""What a run of a conditional model measures and leaves."""

import csv
import dataclasses
from typing import Any

from keras import ops

from keras_elastic import files
from keras_elastic import tracing

RESULTS = "results.csv"
TOP1 = "test top-1"


@dataclasses.dataclass(frozen=True)
class ConditionalResult:
    """What a run has trained and measured.

    Args:
        models: Dictionary from a folder of the run, `""` for itself, to the
            model that was written there.
        rows: List of what was measured, dataclass values of one class.
        table: String. The rows for a person to read.
    """

    models: dict[str, Any]
    rows: list[Any]
    table: str


def write_results(folder, rows):
    """Writes `results.csv`, a line for each row, whole or not at all.

    Args:
        folder: Path.
        rows: Sequence of dataclass values of one class, at least one.
    """
    with files.replacing(folder / RESULTS) as temporary:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([f.name for f in dataclasses.fields(rows[0])])
            writer.writerows(map(dataclasses.astuple, rows))


def run_batches(function, batches):
    """Runs a function of images over batches, traced once.

    Args:
        function: Function from images, pixels in 0..255 of any square size,
            to a tensor or several.
        batches: Iterable of pairs of images and integer labels.

    Yields:
        For each batch a list of NumPy arrays: what the function returned, and
        the labels.
    """
    run = tracing.traced(function, ((None, None, None, 3), "float32"))
    for images, labels in batches:
        outputs = run(tracing.as_images(images))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        yield [ops.convert_to_numpy(each) for each in (*outputs, labels)]

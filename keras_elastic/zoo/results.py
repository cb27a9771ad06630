"""Tables of results."""

import csv
import dataclasses

from keras_elastic import files

RESULTS = "results.csv"


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

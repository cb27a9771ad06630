"""The logs of a training, a line an epoch, in one file."""

import csv

import keras

from keras_elastic import files

_EPOCH = "epoch"


class EpochLog(keras.callbacks.Callback):
    """Writes the logs of each epoch into a CSV file.

    Each epoch has one line, also where the training was killed: an epoch that
    is trained again takes the place of its line, and of those after it. The
    file is written whole each time, so that no line is cut off.

    Unlike `keras.callbacks.CSVLogger`, which appends.

    Args:
        path: Path of the file.
    """

    def __init__(self, path):
        super().__init__()
        self.path = files.as_path(path=path)
        self._lines = None

    def on_epoch_end(self, epoch, logs=None):
        """Writes the line of the epoch."""
        if self._lines is None:
            self._lines = read_lines(self.path)
        self._lines = [
            line for line in self._lines if int(line[_EPOCH]) < epoch
        ]
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._lines.append({_EPOCH: str(epoch), **values})
        with files.replacing(self.path) as temporary:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, self._columns(), restval="")
                writer.writeheader()
                writer.writerows(self._lines)

    def _columns(self):
        # Those of a run that was begun with other callbacks may differ.
        names = {name for line in self._lines for name in line}
        return [_EPOCH, *sorted(names - {_EPOCH})]


def read_lines(path) -> list[dict[str, str]]:
    """Reads the whole lines of a log.

    Args:
        path: Path of what `EpochLog`, or Keras's `CSVLogger`, wrote.

    Returns:
        List of dictionaries from columns to cells, by increasing epoch. Of an
        epoch that is there twice the last line counts.
    """
    if not path.is_file():
        return []
    text = path.read_text("utf-8", "replace")
    reader = csv.DictReader(text.replace("\0", "").splitlines())
    lines = {
        int(line[_EPOCH]): {k: v for k, v in line.items() if v != "NA"}
        for line in reader
        if None not in line
        and None not in line.values()
        and (line.get(_EPOCH) or "").isdecimal()
    }
    return [lines[epoch] for epoch in sorted(lines)]

"""Checkpoints: all variables of a training, by name, in one file.

The file is a NumPy archive, so that a training that ran on one backend or
strategy resumes on another.
"""

import re
import zipfile

import numpy as np
from keras import ops

from keras_elastic import files

_NAME = re.compile(r"step-(\d+)\.npz")
_KEPT = 2


class Checkpoints:
    """The checkpoints of a folder, of which the last two are kept.

    Args:
        folder: Path. All workers of a training must see the same folder.
        variables: Dictionary from names to Keras variables.
    """

    def __init__(self, folder, variables):
        self.folder = files.as_path(folder=folder)
        self._variables = dict(variables)

    @property
    def steps(self):
        """The steps that there are checkpoints of, in order."""
        found = (_NAME.fullmatch(p.name) for p in self.folder.glob("*.npz"))
        return sorted(int(match[1]) for match in found if match)

    def is_finite(self):
        """Whether all variables are finite: what is worth keeping."""
        return all(
            np.isfinite(ops.convert_to_numpy(variable)).all()
            for variable in self._variables.values()
        )

    def save(self, step):
        """Writes a checkpoint, whole or not at all, and drops an older one."""
        arrays = {
            name: ops.convert_to_numpy(variable)
            for name, variable in self._variables.items()
        }
        with files.replacing(self._path(step), digest=True) as temporary:
            # Through a file, because NumPy adds a suffix to a name.
            with open(temporary, "wb") as file:
                np.savez(file, **arrays)
        for old in self.steps[:-_KEPT]:
            files.remove(self._path(old))

    def restore(self):
        """Sets the variables to the last checkpoint.

        Returns:
            Its step, or `None` if there is no checkpoint.

        Raises:
            ValueError: The checkpoint is damaged, or is of other variables.
        """
        if not self.steps:
            return None
        step = self.steps[-1]
        arrays = self._read(self._path(step))
        for name, variable in self._variables.items():
            variable.assign(arrays[name])
        return step

    def _path(self, step):
        return self.folder / f"step-{step}.npz"

    def _read(self, path):
        try:
            files.verified(path)
            # Opened here, because NumPy leaves a damaged file open.
            with (
                open(path, "rb") as file,
                np.load(file, allow_pickle=False) as archive,
            ):
                arrays = {name: archive[name] for name in archive.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(
                f"The checkpoint {str(path)!r} is damaged ({error}). Delete "
                "it to resume from the one before, if there is one."
            ) from error
        mine = {n: tuple(v.shape) for n, v in self._variables.items()}
        theirs = {name: array.shape for name, array in arrays.items()}
        differ = sorted(
            path
            for path in mine.keys() | theirs.keys()
            if mine.get(path) != theirs.get(path)
        )
        if differ:
            raise ValueError(
                "`folder` must hold checkpoints of this supernet and "
                f"optimizer. Received: {str(path)!r}, which differs in "
                f"{len(differ)} variables, for instance {differ[0]!r}: "
                f"{theirs.get(differ[0])} there and {mine.get(differ[0])} "
                "here. Train in another folder."
            )
        return arrays

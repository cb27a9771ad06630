"""An entry of a supernet: a folder that holds it, its front and its card.

The folders of the zoo and of training runs are alike:

    model.json            family, data set, classes, preprocessing, SHA-256s
    recipe.json           the recipe that trained it
    front.csv             architectures with their costs and accuracies
    supernet.weights.h5   the shared weights, float16 if that holds them
    statistics.npz        normalization statistics of each row of the front

An entry without weights has `model.json` only. Entries of other kinds are
read by the classes that `registration.ENTRIES` names.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import typing
import zipfile
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic import families
from keras_elastic.selection import Front
from keras_elastic.spaces import Architecture
from keras_elastic.spaces import costs
from keras_elastic.zoo.folder import FRONT
from keras_elastic.zoo.folder import MODEL
from keras_elastic.zoo.folder import EntryFolder
from keras_elastic.zoo.folder import damaged

if typing.TYPE_CHECKING:
    # Whoever lists entries has no use for what runs networks.
    import keras

    from keras_elastic.models.supernet import Supernet

WEIGHTS = "supernet.weights.h5"
STATISTICS = "statistics.npz"

# Of a supernet that a table describes, for which nothing else vouches.
_MOST_PARAMS = 2 * 10**9


class Entry(EntryFolder):
    """A folder of the zoo or of a training run, of a supernet.

    Args:
        folder: Path of the folder.

    Raises:
        ValueError: The folder is not an entry of a supernet.
    """

    required = (*EntryFolder.required, "family")

    @property
    def label(self) -> str:
        """What the table of the zoo says that it is."""
        return type(self.family).__name__

    @functools.cached_property
    def family(self) -> Any:
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

    @checks.arguments(resolutions=checks.each(checks.POSITIVE_INTEGER))
    def with_resolutions(self, resolutions: Sequence[int]) -> Entry:
        """Returns the entry with more resolutions to choose from.

        The weights are those of every resolution, and statistics are measured
        at each.

        Reference:
        - BigNAS (Yu et al., ECCV 2020), section 3.2: 208, 240, 256, 272, 304
          and 336 pixels, which were not trained, are searched too.

        Args:
            resolutions: Sequence of integers, in pixels.
        """
        entry = type(self)(self.folder)
        family = self.family
        both = sorted({*family.space.resolution, *resolutions})
        # In place of the property that would read the family.
        vars(entry)["family"] = dataclasses.replace(
            family, resolution=tuple(both)
        )
        return entry

    @functools.cached_property
    def front(self) -> Front:
        """The front, checked against the family."""
        path = self._verified(FRONT)
        return Front.read(path, self.family, self.classes)

    @checks.arguments(weights=checks.BOOLEAN)
    def supernet(self, weights: bool = True) -> Supernet:
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
                raise ValueError(damaged(path)) from error
        return supernet

    @checks.arguments(
        arch=checks.ARCHITECTURE, classes=checks.POSITIVE_INTEGER | checks.NONE
    )
    def child(
        self,
        arch: Architecture,
        statistics: Mapping[str, Any] | None = None,
        classes: int | None = None,
    ) -> keras.Model:
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
        from keras_elastic.models.extraction import extract_child
        from keras_elastic.models.weights_file import read_weights

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
            raise ValueError(damaged(path)) from error

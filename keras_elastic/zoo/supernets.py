"""What an entry gives besides a network: supernet, teacher, architectures."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

import keras

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.models import Supernet
from keras_elastic.models.initial_weights import InitialWeights
from keras_elastic.selection import Budget
from keras_elastic.selection import CoarseToFineSearch
from keras_elastic.selection import Selection
from keras_elastic.selection.budget import latency_limits
from keras_elastic.training.teachers import KerasTeacher
from keras_elastic.zoo.loading import load
from keras_elastic.zoo.places import find_supernet_entry

if TYPE_CHECKING:
    from keras_elastic.selection.latency.table import LatencyTable
    from keras_elastic.selection.searches.candidates import Search
    from keras_elastic.spaces import Architecture


@checks.arguments(
    name_or_folder=checks.PATH,
    classes=checks.POSITIVE_INTEGER | checks.NONE,
    weights=checks.choice(("auto", None)),
)
def load_supernet(
    name_or_folder: str | os.PathLike[str],
    *,
    classes: int | None = None,
    weights: str | None = "auto",
) -> Supernet:
    """Loads the supernet of an entry.

    Args:
        name_or_folder: Name of a zoo entry, or the folder of a run.
        classes: Integer. Makes a new, untrained classifier for this many
            classes, to train the supernet on other data (MutualNet, Yang et
            al., ECCV 2020, section 4.3). Defaults to the trained one.
        weights: `"auto"` for the entry's weights, `None` for random ones.

    Returns:
        `Supernet`.

    Raises:
        ValueError: The name is unknown, the entry has no weights, or they are
            damaged.
    """
    entry = find_supernet_entry(name_or_folder)
    if classes is None:
        return entry.supernet(weights=weights is not None)
    supernet = Supernet(entry.family, classes)
    if weights is not None:
        given = InitialWeights.of_supernet(
            entry.name, entry.supernet(), entry.labels
        )
        # No class of the new head is one of the old.
        given.give(supernet, labels=(None,) * classes)
    return supernet


@checks.arguments(
    name_or_folder=checks.PATH,
    flops=checks.POSITIVE | checks.NONE,
    params=checks.POSITIVE | checks.NONE,
    memory=checks.POSITIVE | checks.NONE,
    latency_ms=checks.POSITIVE | checks.NONE,
    resolution=checks.POSITIVE_INTEGER | checks.NONE,
    scorer=checks.FUNCTION | checks.NONE,
    search=checks.having("search", what="a search") | checks.NONE,
    progress=checks.FUNCTION | checks.NONE,
)
def select(
    name_or_folder: str | os.PathLike[str],
    *,
    flops: float | None = None,
    params: float | None = None,
    memory: float | None = None,
    latency_ms: float | None = None,
    latency_table: "LatencyTable | str | os.PathLike[str] | None" = None,
    resolution: int | None = None,
    scorer: "Callable[[Architecture], Any] | None" = None,
    search: "Search | None" = None,
    progress: Callable[[int, int], None] | None = None,
) -> Selection:
    """Selects the best architecture of an entry within a budget.

    Args:
        name_or_folder: Name of a zoo entry, or the folder of a run.
        flops: Number. Most multiply-adds of one image.
        params: Number. Most trainable weights.
        memory: Number. Most bytes of activations of one image, at float32.
        latency_ms: As `load`.
        latency_table: As `load`.
        resolution: Integer. The input resolution in pixels.
        scorer: `Scorer`, to search the space with. By default the entry's
            front is read, which takes no data and no time.
        search: How to search with a scorer. Defaults to
            `CoarseToFineSearch()`.
        progress: Function of candidates done and candidates in all.

    Returns:
        `Selection`: architecture, costs, score, and why it was chosen.

    Raises:
        ValueError: As `load`.
    """
    entry = find_supernet_entry(name_or_folder)
    limits = latency_limits(latency_ms, latency_table, entry.family)
    budget = Budget(flops, params, memory, resolution, limits)
    budget.check_reachable(entry.family, entry.classes)
    if scorer is not None:
        search = search or CoarseToFineSearch()
        [selection] = search.search(
            entry.family, entry.classes, scorer, [budget], progress
        )
        return selection
    row = entry.front.best(budget, entry.name)
    reason = (
        f"the best of the {len(entry.front.rows)} architectures on the front "
        f"of '{entry.name}' with {budget}, of {row.arch.resolution} pixels"
    )
    return Selection(row.arch, row.costs, row.score, reason)


@checks.arguments(name=checks.PATH)
def load_teacher(name: str | os.PathLike[str]) -> KerasTeacher:
    """Loads a teacher by what a recipe calls it.

    Args:
        name: A `.keras` file of a model from pixels in 0..255 to logits, or
            to probabilities of a softmax at its end, or a run or zoo entry,
            whose most accurate network teaches.

    Raises:
        ValueError: There is no such file, run or entry.
    """
    path = files.as_path(teacher=name)
    if path.suffix != ".keras":
        try:
            return KerasTeacher(load(name))
        except ValueError as error:
            raise ValueError(f"`teacher` cannot be loaded. {error}") from error
    if not path.is_file():
        raise ValueError(
            "`teacher` must be a .keras file, a run or a name of the zoo. "
            f"Received: {str(name)!r}, which does not exist."
        )
    return KerasTeacher(keras.saving.load_model(files.verified(path)))

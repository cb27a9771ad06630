"""The order in which the examples of several files are read."""

import itertools
from collections.abc import Iterable
from collections.abc import Iterator
from typing import TypeVar

# Sixteen examples from each of sixteen files in turn, as where TensorFlow
# reads them: every k-th image of this order is held out.
_OPEN_FILES = 16
_EXAMPLES_A_TURN = 16

T = TypeVar("T")


def interleave(files: Iterable[Iterator[T]]) -> Iterator[T]:
    """Yields blocks of the files in turn, like `tf.data.Dataset.interleave`.

    A file that ends leaves its place to the next one, which has its first
    turn when that place comes round again.

    Args:
        files: The files, each an iterator of its examples.

    Yields:
        One example after the other.
    """
    waiting = iter(files)
    places = [next(waiting, None) for _ in range(_OPEN_FILES)]
    while any(place is not None for place in places):
        for number, file in enumerate(places):
            if file is None:
                continue
            block = list(itertools.islice(file, _EXAMPLES_A_TURN))
            yield from block
            if len(block) < _EXAMPLES_A_TURN:
                places[number] = next(waiting, None)

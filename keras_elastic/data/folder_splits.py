"""Which images of a folder are trained on, held out and tested.

Each file's own name says so. A file that is added, removed or skipped
leaves the others where they are.
"""

import collections
import dataclasses
import functools
import hashlib
import math
import os
import pathlib
import warnings
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

TRAIN, HELD_OUT, TEST = SIDES = ("train", "held_out", "test")
_TEST_SHARE = 0.2
_HELD_OUT_SHARE = 0.1
_MOST_HELD_OUT = 10_000
_NUM_NAMED = 5


@dataclasses.dataclass(frozen=True, eq=False)
class LabeledFile:
    """An image file.

    Args:
        path: Its path.
        name: Its path below the folder of its split, with slashes.
        label: The number of its class.
        part: The side that its folder is for, or `None` if its name decides
            between training and testing.
    """

    path: pathlib.Path
    name: str
    label: int
    part: str | None = None

    @functools.cached_property
    def place(self) -> bytes:
        """What files are sorted by."""
        return self.draw("")

    def draw(self, purpose: str) -> bytes:
        """Returns random bytes that depend on the name alone."""
        # A hash needs no random generator, whose numbers might change from
        # one release to the next.
        return hashlib.sha256(os.fsencode(purpose + self.name)).digest()


def mixed(files: Iterable[LabeledFile]) -> list[LabeledFile]:
    """Sorts files in a random order that is fixed by their names."""
    return sorted(files, key=lambda file: (file.place, file.name))


def choose_sides(
    files: Sequence[LabeledFile],
    *,
    parts: Iterable[str],
    total: int,
    limit: int | None = None,
) -> dict[str, list[LabeledFile]]:
    """Divides files into those to train on, held out and to test on.

    Without a part for it, a fifth of the files is tested, and a tenth of those
    for training is held out: of more than 100,000 about 5,000 to 10,000. A
    class keeps at least one image to train on, and gives at least one of two
    to be tested; and at least a twentieth is held out. Where that moves a
    file, of a class or a set of a few, those with the lowest draws are moved.

    Args:
        files: `LabeledFile`s.
        parts: The sides that have a folder of their own.
        total: How many files there are, with those that are left out.
        limit: If given, only the first `limit` files that are not tested.

    Returns:
        Dictionary from "train", "held_out" and "test" to `LabeledFile`s, in
        mixed order.

    Raises:
        ValueError: No image is left for one of the sides.
    """
    files, parts = mixed(files), {*parts}
    share = _held_out_share(total)
    sides = {file: _side(file, parts, share) for file in files}
    _mend_classes(sides, TEST in parts)
    kept = [file for file in files if sides[file] != TEST][:limit]
    _mend_held_out(sides, kept, TEST in parts, share)
    used = {*kept, *(file for file in files if sides[file] == TEST)}
    divided: dict[str, list[LabeledFile]] = {side: [] for side in SIDES}
    for file in files:
        if file in used:
            divided[sides[file]].append(file)
    _check_sides(divided, limit)
    return divided


def _held_out_share(total: int) -> float:
    # Halved, not divided: sides move only where the number of files doubles.
    excess = total * _HELD_OUT_SHARE / _MOST_HELD_OUT
    halvings = max(0, math.ceil(math.log2(excess))) if excess > 1 else 0
    return _HELD_OUT_SHARE / 2**halvings


def _side(file: LabeledFile, parts: set[str], held_out_share: float) -> str:
    if file.part in (HELD_OUT, TEST):
        return file.part
    for_test, for_held_out = _draws(file)[::-1]
    if TEST not in parts and for_test < _TEST_SHARE:
        return TEST
    if HELD_OUT not in parts and for_held_out < held_out_share:
        return HELD_OUT
    return TRAIN


def _draws(file: LabeledFile) -> tuple[float, float]:
    """Two numbers from 0 to 1: whether to hold a file out, and to test it."""
    draw = file.draw("side of ")
    one, other = (int.from_bytes(draw[n : n + 8]) / 256**8 for n in (0, 8))
    return one, other


def _mend_classes(sides, is_tested_apart):
    """Lets every class have an image to train on, and one to be tested."""
    classes = collections.defaultdict(list)
    for file in sides:
        classes[file.label].append(file)
    for members in classes.values():
        if not is_tested_apart and len(members) > 1:
            _move_one(sides, members, TRAIN, TEST)
        _move_one(sides, members, HELD_OUT, TRAIN)
        if not is_tested_apart:
            _move_one(sides, members, TEST, TRAIN)


def _mend_held_out(sides, kept, is_tested_apart, share):
    """Holds out half of what is expected at least, and lets one be trained."""
    count = collections.Counter(f.label for f in kept if sides[f] == TRAIN)
    num_held = sum(sides[file] == HELD_OUT for file in kept)
    least = max(1, math.ceil(len(kept) * share / 2))
    for file in sorted(kept, key=_draws) if num_held < least else ():
        # The last image of a class is worth more.
        if num_held < least and sides[file] == TRAIN and count[file.label] > 1:
            sides[file] = HELD_OUT
            count[file.label] -= 1
            num_held += 1
    tested = [file for file in sides if sides[file] == TEST]
    if not num_held and not is_tested_apart and len(tested) > 1:
        _move_one(sides, tested, TEST, HELD_OUT)
        kept.extend(file for file in tested if sides[file] == HELD_OUT)
    if len(kept) > 1:
        _move_one(sides, kept, TRAIN, HELD_OUT)
        _move_one(sides, kept, HELD_OUT, TRAIN)


def _move_one(sides, files, side, to):
    """Moves the file with the lowest draw, where no file is on a side yet."""
    movable = [file for file in files if sides[file] == side]
    if movable and all(sides[file] != to for file in files):
        sides[min(movable, key=_draws)] = to


def _check_sides(divided, limit):
    if not divided[TEST]:
        raise ValueError(
            "At least one image must be left to test on, and each class needs "
            "one to train on. Received: none. Add images."
        )
    kept = len(divided[TRAIN]) + len(divided[HELD_OUT])
    if not divided[TRAIN] or not divided[HELD_OUT]:
        raise ValueError(
            "The training split must keep at least 2 images, one to train on "
            f"and one to hold out. Received: {kept} images, limit={limit}. "
            "Add images, or pass a larger `limit`."
        )


def held_out_places(divided: dict[str, list[LabeledFile]]) -> np.ndarray:
    """Says which files are held out, of those that are not tested.

    Returns:
        Boolean array, in mixed order.
    """
    held = {*divided[HELD_OUT]}
    both = mixed([*divided[TRAIN], *held])
    return np.array([file in held for file in both], bool)


def warn_of_classes(
    divided: dict[str, list[LabeledFile]], class_names: Sequence[str]
) -> None:
    """Warns of classes that one of the splits has no image of."""
    numbers = {*range(len(class_names))}
    meanings = {
        TRAIN: "to train on",
        HELD_OUT: "held out to select networks with",
        TEST: "to test on",
    }
    absent = []
    for side, meaning in meanings.items():
        missing = sorted(numbers - {file.label for file in divided[side]})
        if missing:
            names = [class_names[number] for number in missing]
            more = ", ..." if len(names) > _NUM_NAMED else ""
            shown = ", ".join(map(repr, names[:_NUM_NAMED]))
            absent.append(f"{len(names)} have none {meaning} ({shown}{more})")
    if absent:
        warnings.warn(
            f"Of {len(class_names)} classes, {'; '.join(absent)}. Add images "
            "of them.",
            stacklevel=2,
        )

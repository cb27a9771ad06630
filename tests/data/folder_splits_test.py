import collections

import numpy as np
import pytest

from keras_elastic.data import folder_splits
from keras_elastic.data.folder_splits import LabeledFile


def make_files(count, num_classes=2, part="train"):
    return [
        LabeledFile(f"path {n}", f"class/{n}.jpg", n % num_classes, part)
        for n in range(count)
    ]


def choose(files, parts=("train",), **options):
    options = {"parts": parts, "total": len(files), **options}
    divided = folder_splits.choose_sides(files, **options)
    return {
        file.name: side for side, files in divided.items() for file in files
    }


def count(sides):
    return collections.Counter(sides.values())


def test_the_shares():
    found = count(choose(make_files(20_000)))
    assert found["test"] == pytest.approx(4_000, rel=0.05)
    assert found["held_out"] == pytest.approx(1_600, rel=0.05)
    assert found.total() == 20_000


def test_no_more_than_ten_thousand_are_held_out():
    files = make_files(1_000)
    for total in (100_000, 150_000, 1_281_167):
        share = folder_splits._held_out_share(total)
        assert 5_000 <= total * share <= 10_000
    # Skipped files do not move the others.
    assert choose(files[:900]).items() <= choose(files).items()


def test_few_files_are_held_out_too():
    for start in range(0, 3_000, 60):
        files = make_files(3_000)[start : start + 60]
        found = count(choose(files))
        untested = found["train"] + found["held_out"]
        assert found["held_out"] >= untested / 20


def test_parts_with_folders_of_their_own_stay():
    files = make_files(50) + [
        LabeledFile("path", f"{part}/{n}.jpg", n % 2, part)
        for part in ("held_out", "test")
        for n in range(9)
    ]
    found = count(choose(files, ("train", "held_out", "test")))
    assert found == {"train": 50, "held_out": 9, "test": 9}


@pytest.mark.parametrize("limit", [2, 5, 40])
def test_limit_leaves_the_test_images(limit):
    files = make_files(100)
    whole, found = choose(files), choose(files, limit=limit)
    assert count(found)["train"] + count(found)["held_out"] == limit
    assert count(found)["train"] and count(found)["held_out"]
    assert count(found)["test"] == count(whole)["test"]


def test_places_of_held_out_files():
    files = make_files(40)
    divided = folder_splits.choose_sides(files, parts=["train"], total=40)
    places = folder_splits.held_out_places(divided)
    untested = {*divided["train"], *divided["held_out"]}
    order = [file for file in folder_splits.mixed(files) if file in untested]
    held = np.array(order)[places].tolist()
    assert held == divided["held_out"]


@pytest.mark.parametrize(
    "files, parts, match",
    [
        (make_files(1, 1), ["train"], "left to test on"),
        (make_files(2, 2), ["train"], "left to test on"),
        (
            [*make_files(1), *make_files(3, part="test")],
            ["train", "test"],
            "at least 2 images",
        ),
    ],
)
def test_too_few_files(files, parts, match):
    with pytest.raises(ValueError, match=match):
        choose(files, parts)

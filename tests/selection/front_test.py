import csv
import dataclasses

import numpy as np
import pytest

from keras_elastic import families
from keras_elastic import files
from keras_elastic.selection import Budget
from keras_elastic.selection import Front
from keras_elastic.selection import FrontRow
from keras_elastic.selection.front import COLUMNS
from keras_elastic.selection.front import Score
from keras_elastic.spaces import costs

FAMILY = families.get("bignas_digits")
SPACE = FAMILY.space
CLASSES = 10
# By increasing flops.
ARCHS = [
    SPACE.smallest,
    dataclasses.replace(SPACE.smallest, depth=(2, 2, 2)),
    dataclasses.replace(SPACE.smallest, resolution=12),
    SPACE.largest,
]


def make_row(arch, top1, loss=1.0, test_top1=None):
    counted = costs(FAMILY.plan(arch, CLASSES))
    return FrontRow(arch, *counted, top1, loss, test_top1)


@pytest.fixture
def front():
    return Front(
        make_row(arch, top1, 1 - top1, test_top1)
        for arch, top1, test_top1 in zip(
            ARCHS, [0.5, 0.625, 0.75, 0.875], [0.5, None, 0.7, 0.8], strict=True
        )
    )


@pytest.fixture
def path(front, tmp_path):
    path = tmp_path / "front.csv"
    front.write(path)
    return path


def read(path, family=FAMILY, classes=CLASSES):
    return Front.read(path, family, classes)


def change(path, row, **cells):
    """Changes cells of a row of the file."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    rows[row].update(cells)
    # As another writes it: without a digest of ours.
    files.digest_file(path).unlink()
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


# Rows


def test_rows_that_are_beaten_are_left_out():
    first, second, third, fourth = ARCHS
    rows = [
        make_row(fourth, 0.7, 0.5),
        make_row(second, 0.6),
        make_row(first, 0.6),
        make_row(third, 0.7, 0.6),
    ]
    # The fourth stays: it has the third's accuracy and a lower loss.
    assert Front(rows).rows == (rows[2], rows[3], rows[0])


def test_rows_are_sorted_by_flops(front):
    flops = [row.flops for row in front.rows]
    assert [row.arch for row in front.rows] == ARCHS
    assert flops == sorted(flops)


def test_costs_and_score_of_a_row(front):
    row = front.rows[1]
    assert row.costs == costs(FAMILY.plan(row.arch, CLASSES))
    assert row.score == Score(accuracy=0.625, negative_loss=-0.375)


def test_of_no_rows_nothing_is_left():
    assert Front([]).rows == ()


def test_with_test_top1(front):
    values = [0.1, 0.4, 0.3, 0.2]
    changed = front.with_test_top1(values)
    assert [row.test_top1 for row in changed.rows] == values
    # What was selected does not depend on the test split.
    assert [row.arch for row in changed.rows] == ARCHS


def test_with_test_top1_needs_a_value_for_each_row(front):
    with pytest.raises(ValueError, match="zip"):
        front.with_test_top1([0.5])


# The best under a budget


@pytest.mark.parametrize(
    "budget, expected",
    [
        (Budget(), 3),
        (Budget(flops=310e3), 1),
        (Budget(flops=311e3), 2),
        (Budget(resolution=8), 1),
        (Budget(params=13e3), 2),
        (Budget(params=13e3, resolution=8), 0),
    ],
)
def test_best(front, budget, expected):
    assert front.best(budget, "digits").arch == ARCHS[expected]


def test_nothing_on_the_front_meets_the_budget(front):
    with pytest.raises(ValueError) as error:
        front.best(Budget(flops=1000), "digits")
    assert str(error.value) == (
        "No architecture on the front of 'digits' meets flops <= 1e3. Its 4 "
        "architectures have flops 139e3 to 2.272e6, params 12.56e3 to "
        "147.6e3, memory 18.43e3 to 78.34e3 and resolutions [8, 12]. Raise "
        "the budget, or search for other architectures."
    )


# Files


def test_round_trip(front, path):
    assert read(path).rows == front.rows


def test_round_trip_of_random_rows(tmp_path):
    # More digits than the file holds, and rows that differ in those only.
    rng = np.random.default_rng(0)
    archs = [SPACE.sample(rng) for _ in range(200)]
    archs.sort(key=lambda arch: costs(FAMILY.plan(arch, CLASSES)).flops)
    scores = np.sort(rng.uniform(0.50, 0.51, len(archs)))
    losses = rng.uniform(0.50, 0.51, len(archs))
    front = Front(map(make_row, archs, scores, losses))
    front.write(tmp_path / "front.csv")
    assert len(front.rows) > 10
    assert read(tmp_path / "front.csv").rows == front.rows


def test_columns_of_the_file(path):
    lines = path.read_text().splitlines()
    assert lines[0] == (
        "flops,params,memory,resolution,held_out_top1,held_out_loss,"
        "test_top1,latency_ms,architecture"
    )
    assert lines[1].startswith("139048,12560,18432,8,0.5000,0.5000,0.5000,")
    assert lines[2].split(",")[4:7] == ["0.6250", "0.3750", ""]
    assert len(lines) == 1 + len(ARCHS)


def test_a_failed_write_leaves_the_old_file(front, path, monkeypatch):
    before = path.read_bytes()
    broken = Front(front.rows)
    broken.rows = (*front.rows, None)
    with pytest.raises(AttributeError):
        broken.write(path)
    assert path.read_bytes() == before
    assert Front.read(path, FAMILY, CLASSES).rows == front.rows


def test_a_file_that_was_changed(path):
    path.write_bytes(path.read_bytes().replace(b"0.", b"1.", 1))
    with pytest.raises(ValueError, match="front.csv' is damaged or was"):
        Front.read(path, FAMILY, CLASSES)


@pytest.mark.parametrize("name", ["flops", "params", "memory"])
def test_edited_costs(path, name):
    change(path, 1, **{name: 1})
    expected = f"The front says {name}=1 of an architecture that needs"
    with pytest.raises(ValueError, match=expected):
        read(path)


def test_an_edited_architecture(path):
    change(path, 0, architecture=SPACE.largest.to_json())
    with pytest.raises(ValueError, match="The file was changed"):
        read(path)


def test_the_front_of_another_family(path):
    with pytest.raises(
        ValueError, match="of another family than the space 'bignas'"
    ):
        read(path, families.get("bignas"))


def test_the_front_of_other_classes(path):
    with pytest.raises(ValueError, match="The front says flops="):
        read(path, classes=11)


def test_other_columns(path):
    files.digest_file(path).unlink()
    path.write_text("flops,accuracy\n1,0.5\n")
    with pytest.raises(ValueError, match=r"needs the columns.*'architecture'"):
        read(path)


def test_an_empty_file(path):
    files.digest_file(path).unlink()
    path.write_text("")
    with pytest.raises(ValueError, match="needs the columns.*Received: None"):
        read(path)


@pytest.mark.parametrize("keep", [20, 30, 60])
def test_a_row_that_is_cut_off(path, keep):
    header, row, *_ = path.read_text().splitlines()
    path.write_text(f"{header}\n{row[:keep]}")
    with pytest.raises(ValueError):
        read(path)


def test_a_row_with_a_cell_too_many(path):
    files.digest_file(path).unlink()
    path.write_text(path.read_text().rstrip() + ",1\n")
    with pytest.raises(ValueError, match="needs 9 cells"):
        read(path)


def test_latencies_are_written_and_read(front, tmp_path):
    timed = front.with_latency([1.23456, 2.0, 3.0, 4.0])
    timed.write(tmp_path / "front.csv")
    again = read(tmp_path / "front.csv")
    assert again.rows == timed.rows
    assert [row.latency_ms for row in again.rows] == [1.2346, 2.0, 3.0, 4.0]
    assert [row.test_top1 for row in again.rows] == [
        row.test_top1 for row in front.rows
    ]


def test_a_latency_for_each_row(front):
    with pytest.raises(ValueError, match="shorter"):
        front.with_latency([1.0, 2.0])

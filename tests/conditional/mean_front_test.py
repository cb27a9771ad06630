import dataclasses

import pytest

from keras_elastic.conditional.mean_front import MeanFront
from keras_elastic.conditional.mean_front import MeanRow

ROWS = [
    MeanRow(1.0, 0.5, 0.4, 0.0, "a.keras"),
    MeanRow(2.0, 0.4, None, 0.25, "a.keras"),
    MeanRow(2.5, 0.7, None, 1 / 3, "a.keras"),
    MeanRow(3.5, 0.8, 0.7, None, "b.keras"),
]


def test_rows_that_are_beaten_are_left_out():
    assert MeanFront(ROWS).rows == (ROWS[0], ROWS[2], ROWS[3])


@pytest.mark.parametrize(
    "flops, row", [(1, 0), (2.4, 0), (2.5, 2), (3.6, 3), (None, 3)]
)
def test_the_best_within_a_mean(flops, row):
    assert MeanFront(ROWS).best(flops, 4, "tiny") == ROWS[row]


@pytest.mark.parametrize("flops", [0.99, 4.01])
def test_a_mean_that_no_row_has(flops):
    with pytest.raises(ValueError, match="'tiny'.*from 1,.*to 4,"):
        MeanFront(ROWS).best(flops, 4, "tiny")


def test_many_rows_become_some_with_the_ends():
    rows = [
        MeanRow(1.0 + n, n / 1000, None, 1 - n / 1000, "a.keras")
        for n in range(1000)
    ]
    front = MeanFront(rows)
    assert len(front.rows) == 100
    assert (front.rows[0], front.rows[-1]) == (rows[0], rows[-1])


def test_written_and_read(tmp_path):
    MeanFront(ROWS).write(tmp_path / "front.csv")
    assert MeanFront.read(tmp_path / "front.csv").rows == MeanFront(ROWS).rows


@pytest.mark.parametrize(
    "text",
    [
        "",
        "flops,file\n1,a\n",
        "flops,held_out_top1,test_top1,threshold,file\n",
        "flops,held_out_top1,test_top1,threshold,file\n1,2,,,a\n",
        "flops,held_out_top1,test_top1,threshold,file\none,0.5,,,a\n",
        "flops,held_out_top1,test_top1,threshold,file\n1,0.5\n",
        "flops,held_out_top1,test_top1,threshold,file\n,0.5,,,a\n",
    ],
)
def test_a_file_that_is_no_front(tmp_path, text):
    path = tmp_path / "front.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match="front.csv"):
        MeanFront.read(path)


@pytest.mark.parametrize(
    "change",
    [{"flops": 0}, {"held_out_top1": 1.1}, {"threshold": -0.1}, {"file": ""}],
)
def test_a_wrong_row(change):
    with pytest.raises(ValueError, match=f"`{list(change)[0]}`"):
        dataclasses.replace(ROWS[0], **change)

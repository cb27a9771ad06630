import sys

import pytest

from keras_elastic import families
from keras_elastic.selection import Front
from keras_elastic.selection import FrontRow
from keras_elastic.selection import plot_front
from keras_elastic.spaces import costs

FAMILY = families.get("bignas_digits")


def make_rows():
    space = FAMILY.space
    for arch, top1 in ((space.smallest, 0.5), (space.largest, 0.9)):
        yield FrontRow(arch, *costs(FAMILY.plan(arch, 10)), top1, 1.0)


@pytest.mark.parametrize("cost", ["flops", "params", "memory"])
def test_draws_a_picture(tmp_path, cost):
    pytest.importorskip("matplotlib")
    rows = list(make_rows())
    path = tmp_path / "front.png"
    plot_front(
        path,
        Front(rows),
        scored=rows,
        chosen=rows[:1],
        baselines={"a network": (1e6, 0.7)},
        cost=cost,
    )
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [path]


def test_another_cost_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`cost` must be one of"):
        plot_front(tmp_path / "front.png", Front(make_rows()), cost="watts")


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"keras-elastic\[plots\]"):
        plot_front(tmp_path / "front.png", Front(make_rows()))
    assert list(tmp_path.iterdir()) == []

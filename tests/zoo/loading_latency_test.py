"""Networks within so many milliseconds of a device."""

import pytest
from selection.latency.latency_fakes import FakeRuntime
from tiny_entry import CLASS_NAMES
from tiny_entry import FAMILY
from tiny_entry import trainable_weights

import keras_elastic as ke
from keras_elastic.selection import Budget
from keras_elastic.selection import LatencyTable
from keras_elastic.selection import Limit
from keras_elastic.selection.budget import short


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A latency table of the family, and its file."""
    path = tmp_path_factory.mktemp("table") / "phone.json"
    return LatencyTable.measure(
        FAMILY, len(CLASS_NAMES), FakeRuntime(), children=6, path=path
    ), path


def test_a_latency(written, table):
    table, path = table
    archs = [row.arch for row in written.front.rows]
    bound = table.predict(archs[1])
    for given in (path, str(path), table):
        chosen = ke.select(
            written.folder, latency_ms=bound, latency_table=given
        )
        assert chosen.arch == archs[1]
    # Both must hold.
    flops = written.front.rows[0].flops
    chosen = ke.select(
        written.folder, latency_ms=bound, latency_table=path, flops=flops
    )
    assert chosen.arch == archs[0]


def test_a_network_within_a_latency(written, table):
    table, path = table
    row = written.front.rows[0]
    bound = table.predict(row.arch)
    model = ke.load(written.folder, latency_ms=bound, latency_table=path)
    assert trainable_weights(model) == row.params
    untrained = ke.load(
        written.folder, latency_ms=bound, latency_table=path, weights=None
    )
    size = untrained.input_shape[1]
    assert untrained.count_params() > 0 and size in FAMILY.space.resolution


@pytest.mark.parametrize("function", [ke.load, ke.select])
def test_wrong_latencies(function, written, table, tmp_path):
    table, path = table
    least = table.predict(FAMILY.space.smallest)
    with pytest.raises(ValueError, match="`latency_ms` and `latency_table`"):
        function(written.folder, latency_ms=8)
    with pytest.raises(ValueError, match="latency_ms=None"):
        function(written.folder, latency_table=path)
    with pytest.raises(ValueError, match=f"smallest needs {short(least)}"):
        function(written.folder, latency_ms=least / 2, latency_table=path)
    with pytest.raises(ValueError, match="`latency_ms` must be"):
        function(written.folder, latency_ms=-1, latency_table=path)
    with pytest.raises(ValueError, match="`latency_table` cannot be used"):
        function(written.folder, latency_ms=8, latency_table=tmp_path / "no")
    other = ("bignas_digits", {"latency_ms": 8})
    for given in (table, path):
        with pytest.raises(ValueError, match="`latency_table`"):
            function(other[0], latency_table=given, **other[1])


def test_no_row_of_the_front_within_a_latency(written, table):
    table, path = table
    front = [table.predict(row.arch) for row in written.front.rows]
    with pytest.raises(ValueError, match="latency in ms") as error:
        written.front.best(
            Budget(limits=(Limit("latency in ms", table, min(front) / 2),)), "a"
        )
    assert f"latency in ms {short(min(front))} to {short(max(front))}" in str(
        error.value
    )

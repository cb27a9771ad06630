import re

import pytest
from tiny_entry import CLASS_NAMES
from tiny_entry import FAMILY

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.spaces import costs
from keras_elastic.zoo import Entry
from keras_elastic.zoo.listing import ModelSummary
from keras_elastic.zoo.listing import ModelTable
from keras_elastic.zoo.writing import write_model


@pytest.fixture
def summary(written):
    return ModelSummary.of(written.entry)


@pytest.fixture
def untrained(tmp_path):
    write_model(
        tmp_path,
        name="new",
        family=FAMILY,
        dataset="flowers",
        class_names=CLASS_NAMES,
    )
    return ModelSummary.of(Entry(tmp_path))


def test_a_trained_entry_is_described_by_its_front(written, summary):
    rows = written.front.rows
    assert summary.flops == (rows[0].flops, rows[-1].flops)
    assert summary.test_top1 == (rows[0].test_top1, rows[-1].test_top1)
    assert (summary.family, summary.dataset) == ("EfficientNet", "digits")
    assert summary.trained
    assert summary.size == written.entry.size


def test_an_untrained_entry_by_its_space(untrained):
    ends = (FAMILY.space.smallest, FAMILY.space.largest)
    plans = [FAMILY.plan(arch, len(CLASS_NAMES)) for arch in ends]
    assert untrained.flops == tuple(costs(plan).flops for plan in plans)
    assert untrained.test_top1 is None
    assert not untrained.trained
    assert untrained.cells[-2:] == ("not trained yet", "none")


def test_columns_of_the_printed_table_are_aligned(summary, untrained):
    table = ModelTable([summary, untrained])
    head, *lines = str(table).splitlines()
    for word, cells in (("data set", ("digits", "flowers")),):
        column = head.index(word)
        assert all(
            line[column:].startswith(cell)
            for line, cell in zip(lines, cells, strict=True)
        )
    assert repr(table) == str(table)
    assert table.names == ("tiny", "new")


def test_markdown(summary, untrained):
    lines = ModelTable([summary, untrained]).to_markdown().splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| [`tiny`](zoo/tiny) | EfficientNet | digits |")
    assert "40.00% to 60.00%" in lines[2]


def test_every_entry_is_listed():
    table = ke.list_models()
    assert table.names == zoo.entry_names()
    for summary in table:
        assert summary.trained == zoo.find_entry(summary.name).is_trained
        assert summary.flops[0] < summary.flops[1]
        assert re.fullmatch(r"\d+\.\d MB|none", summary.cells[-1])

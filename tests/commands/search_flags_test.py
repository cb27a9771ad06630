import pathlib

import pytest
from absl import flags

from keras_elastic.commands import search_flags
from keras_elastic.selection import CoarseToFineSearch
from keras_elastic.selection import PredictorSearch
from keras_elastic.selection import RandomSearch


@pytest.fixture
def given():
    """A function that gives the flags of a command line."""
    before = set(flags.FLAGS)
    search_flags.define()

    def parse(*arguments):
        flags.FLAGS(["search.py", "--run=mine", *arguments])

    yield parse
    for name in set(flags.FLAGS) - before:
        delattr(flags.FLAGS, name)


HOME = pathlib.Path("runs/mine")


@pytest.mark.parametrize(
    "arguments, path, measures, searches",
    [
        ((), None, False, True),
        (("--latency_table=a", "--latency_ms=2"), "a", False, True),
        (("--measure",), HOME / "latency.json", True, False),
        (("--measure=b",), "b", True, False),
        (("--measure=b", "--latency_ms=2"), "b", True, True),
        (("--measure", "--flops=1e6"), HOME / "latency.json", True, True),
        (("--nomeasure",), None, False, True),
    ],
)
def test_which_table(given, arguments, path, measures, searches):
    given(*arguments)
    search_flags.check()
    assert search_flags.table_path(HOME) == path
    assert search_flags.is_measuring() == measures
    assert search_flags.is_searching() == searches


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--measure", "--latency_table=a"), "--measure makes a"),
        (("--latency_ms=2",), "--latency_table=FILE or --measure"),
        (("--latency_table=a",), "given together"),
        (("--runtime=litert",), "--runtime need --measure"),
    ],
)
def test_what_does_not_go_together(given, arguments, words):
    given(*arguments)
    with pytest.raises(ValueError, match=words):
        search_flags.check()


def test_searches(given):
    given("--search=random", "--candidates=7", "--seed=3")
    assert search_flags.make_search() == RandomSearch(7, seed=3)
    given("--search=coarse_to_fine", "--mutants=5", "--seed=0")
    assert search_flags.make_search() == CoarseToFineSearch(5)
    given("--predictor_samples=20")
    assert isinstance(search_flags.make_search(), PredictorSearch)

"""What all tests share: the path, the order, garbage collection."""

import collections
import gc
import pathlib
import sys

# Here, so that no test depends on which one imports it first. What does without
# it is tested in processes of its own.
import keras  # noqa: F401
import pytest

TESTS = pathlib.Path(__file__).parent
# What tests share lies beside them.
sys.path[:0] = map(str, [TESTS, *filter(pathlib.Path.is_dir, TESTS.iterdir())])
# And what they share with the benchmarks, beside those.
sys.path.append(str(TESTS.parent / "benchmarks"))
pytest.register_assert_rewrite("contracts")


def pytest_collection_modifyitems(items):
    """Files of many slow tests go first, or one would run alone at the end."""
    slow = collections.Counter(
        item.path for item in items if item.get_closest_marker("slow")
    )
    items.sort(key=lambda item: -slow[item.path])


def pytest_collection_finish():
    """Leaves what was imported out of garbage collections."""
    gc.collect()
    gc.freeze()

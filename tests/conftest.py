"""What all tests share: the path, the order, garbage collection."""

import gc
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
pytest.register_assert_rewrite("contracts")


def pytest_collection_modifyitems(items):
    """Files with slow tests go first, or one would run alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish():
    """Leaves what was imported out of garbage collections."""
    gc.collect()
    gc.freeze()

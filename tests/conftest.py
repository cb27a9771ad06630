"""What all tests share: the path, the order, threads, garbage collection."""

import collections
import gc
import importlib
import os
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).parent
# What tests share lies beside them.
sys.path[:0] = map(str, [TESTS, *filter(pathlib.Path.is_dir, TESTS.iterdir())])
# And what they share with the benchmarks, beside those.
sys.path.append(str(TESTS.parent / "benchmarks"))
pytest.register_assert_rewrite("contracts")


def pytest_configure(config):
    """Imports Keras before any test does, so that none depends on the first.

    What does without it is tested in processes of its own. Where others run
    the tests, this process hands them out, and needs no Keras.
    """
    is_worker = hasattr(config, "workerinput")
    if config.getoption("dist", "no") != "no" and not is_worker:
        return
    if is_worker:
        # One thread each, and those of what they start: more would take turns.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    importlib.import_module("keras")


def pytest_collection_modifyitems(items):
    """Files that take long go first, or one would run alone at the end.

    Those are the pages, and files of many slow tests.
    """
    slow = collections.Counter(
        item.path for item in items if item.get_closest_marker("slow")
    )
    pages = TESTS / "docs_test.py"
    items.sort(key=lambda item: (item.path != pages, -slow[item.path]))


def pytest_collection_finish():
    """Leaves what was imported out of garbage collections."""
    gc.collect()
    gc.freeze()

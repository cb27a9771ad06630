"""One training, whatever the backend.

A process has one backend. Where PyTorch lives in another environment,
KERAS_ELASTIC_TORCH_PYTHON names its interpreter.

Tests of `training/torch_engine.py` and `training/torch_step.py`, too.
"""

import importlib.util
import os
import sys

import pytest
from training import processes
from training.backend_run import RUNS

pytestmark = pytest.mark.slow

PYTHON = os.environ.get("KERAS_ELASTIC_TORCH_PYTHON")
if PYTHON is None and importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed.", allow_module_level=True)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Weights and output of the same trainings on both backends."""
    folder = tmp_path_factory.mktemp("runs")
    # TensorFlow's needs no interpreter that begins anew.
    interpreters = {"tensorflow": None, "torch": PYTHON or sys.executable}
    results = {}
    for backend, python in interpreters.items():
        file = folder / f"{backend}.npz"
        [output] = processes.finish(
            processes.start(
                "backend_run.py",
                file,
                python=python,
                KERAS_BACKEND=backend,
                PYTHONPATH=str(processes.FOLDER.parents[1]),
            )
        )
        results[backend] = processes.weights_in(file), output
    return results


@pytest.mark.parametrize("name", RUNS)
def test_backends_train_alike(runs, name):
    found, expected = (
        {
            key: value
            for key, value in runs[backend][0].items()
            if key.startswith(f"{name}/")
        }
        for backend in ("torch", "tensorflow")
    )
    assert expected
    processes.assert_close(found, expected)


def test_torch_trains_without_tensorflow(runs):
    assert "['torch']" in runs["torch"][1]

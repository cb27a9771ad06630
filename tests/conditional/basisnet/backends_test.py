"""A BasisNet answers and learns alike, whatever the backend.

Where PyTorch lives in another environment, KERAS_ELASTIC_TORCH_PYTHON names
its interpreter.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys

import basisnet_tiny
import forked
import numpy as np
import pytest

pytestmark = pytest.mark.slow

PYTHON = os.environ.get("KERAS_ELASTIC_TORCH_PYTHON")
if PYTHON is None and importlib.util.find_spec("torch") is None:
    pytest.skip("PyTorch is not installed.", allow_module_level=True)

ROOT = pathlib.Path(__file__).parents[2]


def run(folder, backend, python=None):
    """What a backend computes; TensorFlow's needs no new interpreter."""
    results = folder / f"{backend}.npz"
    script = pathlib.Path(__file__).parent / "backend_run_basisnet.py"
    files = [folder / "model.keras", folder / "images.npy", results]
    variables = {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    if python is None:
        done = forked.run(script, *files, **variables)
    else:
        done = subprocess.run(
            [python, script, *files],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[-1] == backend
    return np.load(results)


def test_backends_agree(tmp_path):
    model = basisnet_tiny.make()
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", basisnet_tiny.images(7))
    expected = run(tmp_path, "tensorflow")
    found = run(tmp_path, "torch", PYTHON or sys.executable)
    assert set(found) == set(expected)
    for name in expected:
        np.testing.assert_allclose(
            found[name], expected[name], atol=1e-3, err_msg=name
        )

"""Trainings in processes of their own, which several tests compare with."""

import pytest
from training import processes


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory):
    """Weights after the same training under every strategy, by its name."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    file = folder / "multi_worker.npz"
    processes.finish(
        *processes.start_workers(2, file, "multi_worker"),
        *(
            processes.start("strategy_run.py", folder / f"{name}.npz", name)
            for name in ("none", "mirrored")
        ),
    )
    return {
        path.stem: processes.weights_in(path) for path in folder.glob("*.npz")
    }

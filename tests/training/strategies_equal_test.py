"""One training, whatever the number of replicas and of processes."""

import pytest
from training import processes
from training.strategy_run import STEPS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("strategy", ["mirrored", "multi_worker"])
def test_strategies_train_alike(uninterrupted, strategy):
    processes.assert_close(uninterrupted[strategy], uninterrupted["none"])


def test_a_preempted_worker_changes_nothing(uninterrupted, tmp_path):
    file, folder = tmp_path / "weights.npz", tmp_path / "run"
    arguments = (2, file, "multi_worker", f"--folder={folder}")
    workers = processes.start_workers(*arguments, "--slow")
    processes.wait_for_step(folder, 3, *workers)
    processes.kill(*reversed(workers))
    assert 3 <= processes.last_step(folder) < STEPS
    assert not file.exists()
    processes.finish(*processes.start_workers(*arguments))
    processes.assert_same_bits(
        processes.weights_in(file), uninterrupted["multi_worker"]
    )

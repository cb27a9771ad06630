"""One training, whatever the replicas, the processes and the kills."""

import random

import pytest
from training import processes
from training.strategy_run import STEPS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
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


def run_killed(tmp_path, kills, seed):
    """Weights of a run that was killed at random steps, in order."""
    file, folder = tmp_path / "weights.npz", tmp_path / "run"
    arguments = ("strategy_run.py", file, "none", f"--folder={folder}")
    steps = random.Random(seed).sample(range(1, STEPS - 2), kills)
    for step in sorted(steps):
        process = processes.start(*arguments, "--slow")
        processes.wait_for_step(folder, step, process)
        processes.kill(process)
        assert not file.exists()
    processes.finish(processes.start(*arguments))
    return processes.weights_in(file)


@pytest.mark.exhaustive
def test_a_kill_changes_nothing(tmp_path, uninterrupted):
    found = run_killed(tmp_path, kills=1, seed=0)
    processes.assert_same_bits(found, uninterrupted["none"])


@pytest.mark.exhaustive
def test_ten_kills_change_nothing(tmp_path, uninterrupted):
    found = run_killed(tmp_path, kills=10, seed=1)
    processes.assert_same_bits(found, uninterrupted["none"])

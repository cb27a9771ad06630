"""A training that is killed again and again ends as one that is not."""

import random

import pytest
from training import processes
from training.strategy_run import STEPS


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


@pytest.mark.slow
def test_a_kill_changes_nothing(tmp_path, uninterrupted):
    found = run_killed(tmp_path, kills=1, seed=0)
    processes.assert_same_bits(found, uninterrupted["none"])


@pytest.mark.exhaustive
def test_ten_kills_change_nothing(tmp_path, uninterrupted):
    found = run_killed(tmp_path, kills=10, seed=1)
    processes.assert_same_bits(found, uninterrupted["none"])

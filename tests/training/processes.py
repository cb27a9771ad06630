"""Runs trainings in processes of their own, which tests may kill."""

import json
import os
import pathlib
import socket
import subprocess
import time

import forked
import numpy as np
import pytest

FOLDER = pathlib.Path(__file__).parent
_LONGEST = 240


def start(script, *arguments, python=None, **environment):
    """Starts a script of this folder; its output is kept.

    Where it is given an interpreter, in one that begins anew.
    """
    if python is None:
        return forked.Forked(FOLDER / script, *arguments, **environment)
    return subprocess.Popen(
        [python, str(FOLDER / script), *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def start_workers(count, *arguments):
    """Starts one process a worker, on ports of this machine."""
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(count)]
    return [
        start(
            "strategy_run.py",
            *arguments,
            TF_CONFIG=json.dumps(
                {
                    "cluster": {"worker": addresses},
                    "task": {"type": "worker", "index": index},
                }
            ),
        )
        for index in range(count)
    ]


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def finish(*processes):
    """Waits for processes, all of which must end well."""
    try:
        outputs = [
            "".join(filter(None, process.communicate(timeout=_LONGEST)))
            for process in processes
        ]
    finally:
        kill(*processes)
    for process, output in zip(processes, outputs, strict=True):
        assert process.returncode == 0, output[-3000:]
    return outputs


def kill(*processes):
    """Kills what still runs, as a machine that goes away does."""
    for process in processes:
        process.kill()
        process.wait()
        for output in filter(None, (process.stdout, process.stderr)):
            output.close()


def wait_for_step(folder, step, *processes):
    """Waits until a folder has a checkpoint of a step or a later one."""
    deadline = time.monotonic() + _LONGEST
    while last_step(folder) < step:
        ended = [process for process in processes if process.poll() is not None]
        if ended or time.monotonic() > deadline:
            kill(*processes)
            pytest.fail(f"There was no checkpoint of step {step}.")
        time.sleep(0.02)


def last_step(folder):
    """The last step that a folder has a checkpoint of, or -1."""
    steps = [
        int(path.stem.removeprefix("step-"))
        for path in pathlib.Path(folder).glob("step-*.npz")
    ]
    return max(steps, default=-1)


def weights_in(file):
    """The arrays that a run has left, by name."""
    with np.load(file) as arrays:
        return {name: arrays[name] for name in arrays.files}


def assert_same_bits(found, expected):
    """Holds two runs' weights equal."""
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        np.testing.assert_array_equal(found[name], weight, err_msg=name)


def assert_close(found, expected, most=1e-5):
    """Holds two runs' weights close, for the size of each array.

    Processors round in their own ways. What stays near zero, as a shift whose
    gradient is none, is nothing but that: it is held to the largest weight.
    """
    assert found.keys() == expected.keys()
    largest = max(np.abs(weight).max() for weight in expected.values())
    for name, weight in expected.items():
        difference = np.abs(found[name] - weight).max()
        size = max(np.abs(weight).max(), 1e-3 * largest)
        assert difference <= most * size, name

import os
import subprocess
import sys

import pytest

from keras_elastic import startup

NOISE = (
    b"WARNING: All log messages before absl::InitializeLog() is called are "
    b"written to STDERR\n"
    b"I0000 00:00:1795997283.423782   14830 port.cc:153] oneDNN custom "
    b"operations are on. You may see slightly different results.\n"
    b"I0000 00:00:1795997283.424510   14830 cudart_stub.cc:31] Could not find "
    b"cuda drivers on your machine, GPU will not be used.\n"
    b"E0000 00:00:1795997304.387710   14830 cuda_platform.cc:52] failed call "
    b"to cuInit: INTERNAL: CUDA error: UNKNOWN ERROR (303)\n"
)
NEWS = b"E0000 00:00:1795997304.387710   14830 client.cc:9] out of memory\n"


def test_notes_on_the_machine_are_left_out(capfd):
    with startup.without_noise():
        os.write(2, NOISE + NEWS + b"a warning\n")
    os.write(2, NOISE)
    printed = capfd.readouterr().err.encode()
    assert printed == NEWS + b"a warning\n" + NOISE


def test_what_was_printed_before_an_error_is_printed(capfd):
    with pytest.raises(ImportError):
        with startup.without_noise():
            os.write(2, NOISE + NEWS)
            raise ImportError
    assert capfd.readouterr().err.encode() == NEWS


@pytest.mark.parametrize(
    "arguments, backend",
    [
        (["train.py", "--backend=tensorflow"], "tensorflow"),
        (["train.py", "--seed=1", "-backend", "tensorflow"], "tensorflow"),
        (["train.py", "--backend=jax"], None),
        (["train.py", "--recipe=tensorflow"], None),
        (["train.py", "--backend"], None),
    ],
)
def test_the_backend_of_a_command_line(monkeypatch, arguments, backend):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    startup.begin(arguments)
    assert os.environ.get("KERAS_BACKEND") == backend


def test_a_backend_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(startup, "BACKENDS", ("no_such_library",))
    with pytest.raises(SystemExit) as end:
        startup.begin(["train.py", "--backend=no_such_library"])
    assert "pip install no_such_library" in end.value.code


@pytest.mark.slow
def test_tensorflow_starts_quietly():
    code = (
        "from keras_elastic import startup; startup.import_quietly(); "
        "import keras; print(keras.ops.ones(1).shape)"
    )
    environment = {**os.environ}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == ""

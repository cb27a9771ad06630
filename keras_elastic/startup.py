"""What a program does first: choose the backend, and import it quietly.

For programs, not for whoever imports the package: that somebody's process
prints is not for a library to change.
"""

import contextlib
import importlib
import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Sequence

BACKENDS = ("tensorflow", "torch")
# What TensorFlow says of this machine's processor and drivers while it is
# imported. It comes before any level of its logs counts.
_NOISE = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]\d{4} \S+ +\d+ \S+\.cc:\d+\]"
    # A machine without a GPU is none with an error.
    rb"|E\d{4} .*(?:cuInit|Unable to register cu\w+ factory)"
    rb"|\d{4}-\d\d-\d\d \S+ [IW] "
    rb"|To enable the following instructions: "
)


def begin(arguments: Sequence[str]) -> None:
    """Imports Keras on the backend of a command line, quietly.

    Args:
        arguments: List of strings. Of them `--backend=NAME` is read, because
            it must be known before Keras is imported.
    """
    _choose_backend(list(arguments))
    import_quietly()


def _choose_backend(arguments):
    for place, argument in enumerate(arguments):
        flag, is_whole, backend = argument.partition("=")
        following = "".join(arguments[place + 1 : place + 2])
        backend = backend if is_whole else following
        # What else is given is refused with the other flags.
        if flag in ("-backend", "--backend") and backend in BACKENDS:
            if importlib.util.find_spec(backend) is None:
                sys.exit(
                    f"error: --backend={backend} needs `pip install {backend}`"
                )
            os.environ["KERAS_BACKEND"] = backend


def import_quietly() -> None:
    """Imports Keras and its backend without their notes on the machine.

    Errors and all else that they print are printed. With
    `TF_CPP_MIN_LOG_LEVEL=0` nothing is left out.
    """
    if "keras" in sys.modules:
        return
    given = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with contextlib.nullcontext() if given == "0" else without_noise():
        keras = importlib.import_module("keras")
        if keras.backend.backend() == "tensorflow":
            # It looks for GPUs now, and not later.
            tensorflow = importlib.import_module("tensorflow")
            tensorflow.config.list_physical_devices()


@contextlib.contextmanager
def without_noise():
    """A context in which libraries' notes on the machine are not printed.

    They write to the descriptor of standard error, past Python's streams.
    Other lines are printed at the end of the context.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), 2)
            try:
                yield
            finally:
                sys.stderr.flush()
                os.dup2(kept, 2)
                file.seek(0)
                lines = file.read().splitlines(keepends=True)
                os.write(2, b"".join(x for x in lines if not _NOISE.match(x)))
    finally:
        os.close(kept)

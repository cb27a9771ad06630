"""How a network is timed: runtimes that run it, and calls that take turns."""

import abc
import gc
import importlib.metadata
import itertools
import os
import pathlib
import platform
import tempfile
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np

from keras_elastic import checks

if TYPE_CHECKING:
    import keras

# Interpreters of one flatbuffer differ by a tenth, by where their memory
# happens to lie. Calls go to so many of them in turn.
COPIES = 8
WARM_UP = 5
# Large networks are timed less often: no more than so long each, if that is
# enough for a quantile.
SECONDS_EACH = 2.0
LEAST_RUNS = 20
# Other work on the machine only ever adds time: a low quantile is nearer to
# what the function takes than the median, and steadier than the minimum.
QUIET = 0.25


class LatencyTiming(NamedTuple):
    """How long a call takes, in milliseconds.

    `median_ms`: median of the calls. `p95_ms`: their 95th percentile.
    `quiet_ms`: their 25th percentile, an estimate of what the call takes where
    nothing else runs; tables are made of it. `runs`: number of timed calls.
    """

    median_ms: float
    p95_ms: float
    quiet_ms: float
    runs: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "LatencyTiming":
        """Summarizes the durations of calls, in seconds."""
        milliseconds = 1e3 * np.asarray(seconds)
        values = np.quantile(milliseconds, (0.5, 0.95, QUIET))
        # A nanosecond is below what any clock tells apart.
        median, late, quiet = (round(float(value), 6) for value in values)
        return cls(median, late, quiet, len(milliseconds))

    def scaled(self, factor: float) -> "LatencyTiming":
        """Returns the timing on a machine that is slower by a factor."""
        values = (self.median_ms, self.p95_ms, self.quiet_ms)
        median, late, quiet = (round(value * factor, 6) for value in values)
        return type(self)(median, late, quiet, self.runs)


def time_in_turn(
    functions: Sequence[Callable[[], object]],
    runs: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[LatencyTiming]:
    """Times functions round by round, each once a round, in random order.

    A burst of other work on the machine then slows all of them a little, and
    not one of them a lot. It also evicts from the caches what the call before
    left there, as the blocks of one network do to each other.

    Args:
        functions: Functions without arguments that return when the work is
            done.
        runs: Integer. Timed rounds, after a few that are not timed. Fewer
            where the calls take long.
        clock: Function that returns the time in seconds.

    Returns:
        List of `LatencyTiming`, one a function.
    """
    rng = np.random.default_rng(0)
    seconds: list[list[float]] = [[] for _ in functions]
    collects = gc.isenabled()
    gc.disable()
    try:
        begin = clock()
        for number in range(WARM_UP + runs):
            is_late = clock() - begin > SECONDS_EACH * len(functions)
            if is_late and number >= WARM_UP + LEAST_RUNS:
                break
            # In a fixed order, other work with a rhythm of its own could hit
            # the same function in every round.
            for place in rng.permutation(len(functions)):
                start = clock()
                functions[place]()
                duration = clock() - start
                if number >= WARM_UP:
                    seconds[place].append(duration)
    finally:
        if collects:
            gc.enable()
    return [LatencyTiming.of(durations) for durations in seconds]


class Runtime(abc.ABC):
    """Runs Keras models in the form in which they are deployed.

    A subclass of one's own measures another device or format: `prepare` must
    return a function whose duration is the latency, or `measure` must return
    timings that were made elsewhere.

    Args:
        name: String, for files and messages.
        threads: Positive integer. Threads that one call may use.
        packages: Names of the packages whose versions matter.
    """

    def __init__(self, name: str, threads: int, packages: Sequence[str] = ()):
        self.name = name
        self.threads = threads
        self._packages = tuple(packages)

    @abc.abstractmethod
    def prepare(self, model, batch_size: int) -> Callable[[], object]:
        """Returns a function that runs a model once on random pixels.

        Args:
            model: `keras.Model` with one input; it is not changed.
            batch_size: Positive integer.
        """

    def measure(
        self, models: Sequence, batch_size: int, runs: int
    ) -> list[LatencyTiming]:
        """Times models in turn.

        Args:
            models: Sequence of `keras.Model`.
            batch_size: Positive integer, images of one call.
            runs: Positive integer, timed calls of each model.

        Returns:
            List of `LatencyTiming`, one a model.
        """
        functions = [self.prepare(model, batch_size) for model in models]
        return time_in_turn(functions, runs)

    def machine(self) -> dict:
        """Describes what the timings depend on, as JSON-compatible values."""
        return {
            "platform": platform.platform(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "versions": {
                "python": platform.python_version(),
                **{p: importlib.metadata.version(p) for p in self._packages},
            },
        }


class TensorFlowRuntime(Runtime):
    """A SavedModel that is loaded again, as a server runs it.

    The threads are those of the process; they can be set before TensorFlow
    does any work, by `tf.config.threading.set_intra_op_parallelism_threads`.

    Args:
        threads: Must be `None`.

    Raises:
        ValueError: `threads` is given.
    """

    def __init__(self, threads: int | None = None):
        import tensorflow as tf

        if threads is not None:
            raise ValueError(
                "`threads` must be None for the runtime 'tensorflow', whose "
                f"threads are those of the process. Received: {threads}. Call "
                "`tf.config.threading.set_intra_op_parallelism_threads` when "
                "the process starts."
            )
        own = tf.config.threading.get_intra_op_parallelism_threads()
        # Zero stands for one thread a core.
        super().__init__(
            "tensorflow", own or os.cpu_count() or 1, ("tensorflow", "keras")
        )

    def prepare(self, model, batch_size: int) -> Callable[[], object]:
        import tensorflow as tf

        function, pixels = _concrete_function(model, batch_size)
        with tempfile.TemporaryDirectory() as folder:
            module = tf.Module()
            module.model, module.serve = model, function
            tf.saved_model.save(module, folder, signatures=function)
            loaded = tf.saved_model.load(folder)
        signature = loaded.signatures["serving_default"]
        [name] = signature.structured_input_signature[1]
        images = {name: tf.constant(pixels)}

        def run():
            outputs = signature(**images)
            # Copied to the host, so that nothing is still being computed.
            return [output.numpy() for output in outputs.values()], loaded

        return run


class LiteRTRuntime(Runtime):
    """A float32 flatbuffer (.tflite), run by LiteRT with XNNPACK.

    Args:
        threads: Positive integer, or `None` for one.

    Raises:
        ValueError: `threads` is not positive, or the package
            `ai-edge-litert` is not installed.
    """

    def __init__(self, threads: int | None = None):
        threads = 1 if threads is None else threads
        checks.positive_integer(threads=threads)
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError as error:
            raise ValueError(
                "`runtime` must be one that is installed. Received: 'litert', "
                "which needs the package `ai-edge-litert`. Install it by "
                "`pip install ai-edge-litert`."
            ) from error
        self._interpreter = Interpreter
        super().__init__(
            "litert", threads, ("ai-edge-litert", "tensorflow", "keras")
        )

    def prepare(self, model, batch_size: int) -> Callable[[], object]:
        import tensorflow as tf
        from tensorflow.python.framework.convert_to_constants import (
            convert_variables_to_constants_v2,
        )

        function, pixels = _concrete_function(model, batch_size)
        # With variables the flatbuffer would read them at run time, and
        # neither fold the normalizations nor hold any weights.
        frozen = convert_variables_to_constants_v2(function)
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [frozen], tf.Module()
        )
        flatbuffer = converter.convert()
        copies = itertools.cycle(
            [self._load(flatbuffer, pixels) for _ in range(COPIES)]
        )

        def run():
            interpreter = next(copies)
            interpreter.invoke()
            return interpreter

        return run

    def _load(self, flatbuffer, pixels):
        interpreter = self._interpreter(
            model_content=flatbuffer, num_threads=self.threads
        )
        interpreter.allocate_tensors()
        [details] = interpreter.get_input_details()
        interpreter.set_tensor(details["index"], pixels)
        return interpreter


RUNTIMES = {"tensorflow": TensorFlowRuntime, "litert": LiteRTRuntime}


def get_runtime(runtime, threads: int | None = None) -> Runtime:
    """Returns a runtime by name, or the `Runtime` that was passed.

    Args:
        runtime: `"tensorflow"`, `"litert"` or a `Runtime`.
        threads: Positive integer, or `None` for the runtime's own choice.

    Raises:
        ValueError: No runtime has this name, or `threads` does not fit it.
    """
    if isinstance(runtime, Runtime):
        if threads not in (None, runtime.threads):
            raise ValueError(
                "`threads` must be None where `runtime` is an object. "
                f"Received: threads={threads} and a runtime with "
                f"{runtime.threads}. Leave `threads` out."
            )
        return runtime
    if not isinstance(runtime, str) or runtime not in RUNTIMES:
        raise ValueError(
            f"`runtime` must be one of {sorted(RUNTIMES)} or a `Runtime`. "
            f"Received: runtime={runtime!r}."
        )
    return RUNTIMES[runtime](threads)


@checks.arguments(
    model=checks.MODEL,
    batch_size=checks.POSITIVE_INTEGER,
    threads=checks.POSITIVE_INTEGER | checks.NONE,
    runs=checks.POSITIVE_INTEGER,
)
def measure_latency(
    model: "keras.Model",
    runtime: Runtime | str = "tensorflow",
    batch_size: int = 1,
    threads: int | None = None,
    runs: int = 100,
) -> LatencyTiming:
    """Times a model on this machine.

    Args:
        model: `keras.Model` with one input, such as a child; it is not
            changed.
        runtime: `"tensorflow"`, `"litert"` or a `Runtime`.
        batch_size: Positive integer, images of one call.
        threads: Positive integer for `"litert"`, `None` for the default.
        runs: Positive integer, timed calls.

    Returns:
        `LatencyTiming`, in milliseconds of a call.

    Raises:
        ValueError: An argument is not as described.

    Example:

    ```python
    child = keras_elastic.load("bignas", flops=400e6)
    print(measure_latency(child, "litert", threads=2).median_ms)
    ```
    """
    checks.positive_integer(batch_size=batch_size)
    checks.positive_integer(runs=runs)
    runtime = get_runtime(runtime, threads)
    [timing] = runtime.measure([model], batch_size, runs)
    return timing


def _concrete_function(model, batch_size):
    """Returns a traced function of a model, and random pixels for it."""
    import tensorflow as tf

    shape = (batch_size, *model.inputs[0].shape[1:])
    spec = tf.TensorSpec(shape, "float32", name="images")
    function = tf.function(
        lambda images: model(images, training=False), input_signature=[spec]
    )
    pixels = np.random.default_rng(0).uniform(0, 255, shape)
    return function.get_concrete_function(), pixels.astype("float32")


def _processor() -> str:
    """Name of the processor; `platform` does not know it on Linux."""
    path = pathlib.Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()

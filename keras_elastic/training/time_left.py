"""How long a run will take yet, by what it has measured so far."""

import time
from collections.abc import Callable
from collections.abc import Mapping

import keras

# The least part of a run between two lines, so that a log stays readable.
_LEAST = 0.05


class TimeLeft:
    """Seconds until the end of a run, over all of its stages.

    A stage that runs has a speed of its own: its work over its seconds. One
    that is ahead is taken to be as fast as those that were measured, by work.
    The first update of a stage ends its start, which is tracing and reading,
    and is not measured.

    Args:
        stages: Dictionary from the names of the stages, in order, to their
            work: numbers in one unit, of which each takes about as long in any
            stage.
        clock: Function that returns the time in seconds.
        say: Function that prints a line.
    """

    def __init__(
        self,
        stages: Mapping[str, float],
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], object] = print,
    ):
        self._work = dict(stages)
        self._clock = clock
        self._say = say
        self._done = dict.fromkeys(stages, 0.0)
        # Of each stage: when it was first updated, what was done then, and
        # the seconds since.
        self._begun: dict[str, tuple[float, float]] = {}
        self._seconds: dict[str, float] = {}
        self._said: tuple[str, float] | None = None

    def begin(self, stage: str) -> None:
        """Says that a stage begins: those before it are done."""
        for name in self._work:
            if name == stage:
                break
            self._done[name] = 1.0

    def update(self, stage: str, done: float) -> None:
        """Takes note of the part of a stage that is done, in 0..1."""
        self.begin(stage)
        self._done[stage] = done
        now = self._clock()
        begun, _ = self._begun.setdefault(stage, (now, done))
        self._seconds[stage] = now - begun

    def left(self) -> dict[str, float] | None:
        """Seconds left by stage, or `None` where nothing was measured yet."""
        worked = {
            name: (self._done[name] - done) * self._work[name]
            for name, (_, done) in self._begun.items()
        }
        known = sum(worked.values())
        if not known > 0:
            return None
        pace = sum(self._seconds.values()) / known
        left = {}
        for name, work in self._work.items():
            own = pace
            if worked.get(name, 0) > 0:
                own = self._seconds[name] / worked[name]
            if self._done[name] < 1:
                left[name] = (1 - self._done[name]) * work * own
        return left

    def __str__(self) -> str:
        left = self.left()
        if left is None:
            return "Time left: not measured yet"
        parts = ", ".join(f"{name} {in_words(s)}" for name, s in left.items())
        more = f" ({parts})" if len(left) > 1 else ""
        return f"Time left: about {in_words(sum(left.values()))}{more}"

    def tell(self) -> None:
        """Prints the line, unless little was done since the last one."""
        if self.left() is None:
            return
        whole = sum(self._work.values())
        done = sum(self._done[n] * w for n, w in self._work.items()) / whole
        stage = next((n for n, d in self._done.items() if d < 1), "")
        if self._said is None or (
            stage != self._said[0] or done - self._said[1] >= _LEAST
        ):
            self._said = (stage, done)
            self._say(str(self))


def in_words(seconds: float) -> str:
    """Formats a duration: "40 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


class TellTimeLeft(keras.callbacks.Callback):
    """Prints before each epoch how long the whole run will take yet.

    Args:
        left: `TimeLeft`.
        stage: String. The stage that the training is.
    """

    def __init__(self, left: TimeLeft, stage: str):
        super().__init__()
        self._left = left
        self._stage = stage
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        """Prints the line, above that of the epoch."""
        self._epoch = epoch
        self._left.tell()

    def on_train_batch_end(self, batch, logs=None):
        """Takes note of a step."""
        steps = self.params["steps"]
        done = self._epoch * steps + batch + 1
        self._left.update(self._stage, done / (self.params["epochs"] * steps))

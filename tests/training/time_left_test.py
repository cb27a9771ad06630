import pytest

from keras_elastic.training.time_left import TellTimeLeft
from keras_elastic.training.time_left import TimeLeft
from keras_elastic.training.time_left import in_words


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def make(clock, said=None, **stages):
    say = print if said is None else said.append
    return TimeLeft(stages, clock=clock, say=say)


def test_nothing_is_said_before_anything_was_measured(clock):
    said = []
    left = make(clock, said, training=100.0, test=10.0)
    left.begin("training")
    left.tell()
    left.update("training", 0.1)
    assert left.left() is None
    left.tell()
    assert said == []


def test_the_first_update_is_not_measured(clock):
    left = make(clock, training=100.0, test=10.0)
    clock.now += 60  # Tracing.
    left.update("training", 0.1)
    clock.now += 20
    left.update("training", 0.2)
    # Two seconds a unit: 80 units of this stage, and 10 of the next.
    assert left.left() == pytest.approx({"training": 160, "test": 20})
    assert str(left) == ("Time left: about 3 min (training 3 min, test 20 s)")


def test_a_stage_has_a_speed_of_its_own(clock):
    left = make(clock, training=100.0, selection=50.0, test=10.0)
    left.update("training", 0.0)
    clock.now += 100
    left.update("training", 1.0)
    left.update("selection", 0.0)
    clock.now += 100
    left.update("selection", 0.5)
    # Selection takes 4 s a unit, all together 200 s for 125 units.
    assert left.left() == pytest.approx({"selection": 100, "test": 16})


def test_what_was_done_before_is_not_measured(clock):
    left = make(clock, first=100.0, second=100.0)
    # The first is done by an earlier process, and half of the second.
    left.begin("second")
    left.update("second", 0.5)
    clock.now += 10
    left.update("second", 0.6)
    assert left.left() == pytest.approx({"second": 40})


def test_nothing_is_left_at_the_end(clock):
    left = make(clock, training=100.0, test=10.0)
    left.update("training", 0.0)
    clock.now += 100
    left.update("training", 1.0)
    left.update("test", 1.0)
    assert left.left() == {}


def test_lines_are_few(clock):
    said = []
    left = make(clock, said, training=1000.0, test=10.0)
    for step in range(1001):
        left.update("training", step / 1000)
        clock.now += 1
        left.tell()
    assert 15 <= len(said) <= 25
    assert said[-1] == "Time left: about 10 s"


def test_epochs_of_a_training(clock):
    said = []
    left = make(clock, said, training=8.0, test=8.0)
    callback = TellTimeLeft(left, "training")
    callback.set_params({"epochs": 2, "steps": 4})
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for batch in range(4):
            callback.on_train_batch_end(batch)
            clock.now += 5
    assert said == ["Time left: about 60 s (training 20 s, test 40 s)"]


@pytest.mark.parametrize(
    "seconds, words",
    [
        (0.2, "1 s"),
        (59.6, "60 s"),
        (89, "89 s"),
        (600, "10 min"),
        (7260, "2 h 1 min"),
    ],
)
def test_durations(seconds, words):
    assert in_words(seconds) == words

import keras
import numpy as np
import pytest

from keras_elastic.training.schedules import ExponentialWithConstantEnding
from keras_elastic.training.schedules import WarmUp

# BigNAS: a peak of 0.256 that falls by 3 % every 2.4 epochs; here a step is
# an epoch.
PAPER = ExponentialWithConstantEnding(0.256, decay_steps=2.4)


def test_the_papers_floor():
    assert np.log(0.05) / np.log(0.97) == pytest.approx(98.35, abs=0.005)
    assert float(PAPER(400)) == pytest.approx(0.0128)


def test_the_papers_floor_is_reached_at_epoch_238():
    assert float(PAPER(235)) > 0.0129
    # The 99th decay, the first below the floor, comes after 237.6 epochs.
    assert float(PAPER(237)) > 0.0128 * 1.001
    assert float(PAPER(238)) == pytest.approx(0.0128)


def test_decays_in_stairs():
    assert float(PAPER(0)) == pytest.approx(0.256)
    assert float(PAPER(2)) == pytest.approx(0.256)
    assert float(PAPER(3)) == pytest.approx(0.256 * 0.97)
    assert float(PAPER(24)) == pytest.approx(0.256 * 0.97**10)


def test_warms_up_linearly():
    schedule = ExponentialWithConstantEnding(1.0, 1000, warmup_steps=4)
    rates = [float(schedule(step)) for step in range(6)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0])


def test_survives_serialization():
    schedule = ExponentialWithConstantEnding(0.1, 7, 0.9, 0.2, 3)
    config = keras.optimizers.schedules.serialize(schedule)
    copy = keras.optimizers.schedules.deserialize(config)
    assert copy.get_config() == schedule.get_config()
    assert float(copy(20)) == float(schedule(20))


@pytest.mark.parametrize(
    "arguments",
    [
        {"peak": 0.0},
        {"decay_steps": 0},
        {"warmup_steps": -1},
        {"decay_rate": 1.5},
        {"ending": -0.1},
    ],
)
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ValueError, match=f"{next(iter(arguments))}"):
        ExponentialWithConstantEnding(
            **{"peak": 0.1, "decay_steps": 10, **arguments}
        )


# Warm-up of any schedule


def linear():
    return keras.optimizers.schedules.PolynomialDecay(1.0, 10, 0.0)


def test_a_schedule_begins_after_the_warm_up():
    schedule = WarmUp(linear(), 4)
    rates = [float(schedule(step)) for step in (0, 1, 2, 3, 4, 5, 14, 20)]
    expected = [0.25, 0.5, 0.75, 1.0, 1.0, 0.9, 0.0, 0.0]
    assert rates == pytest.approx(expected)


def test_without_a_warm_up_it_is_the_schedule():
    schedule = WarmUp(linear(), 0)
    for step in range(12):
        assert float(schedule(step)) == float(linear()(step))


def test_a_warm_up_survives_serialization():
    schedule = WarmUp(linear(), 3)
    config = keras.optimizers.schedules.serialize(schedule)
    copy = keras.optimizers.schedules.deserialize(config)
    assert copy.get_config() == schedule.get_config()
    assert float(copy(7)) == float(schedule(7))


def test_an_optimizer_with_a_warm_up_survives_serialization():
    optimizer = keras.optimizers.SGD(WarmUp(linear(), 3))
    config = keras.optimizers.serialize(optimizer)
    copy = keras.optimizers.deserialize(config)
    assert copy.get_config() == optimizer.get_config()


def test_a_negative_warm_up_is_refused():
    with pytest.raises(ValueError, match="`warmup_steps`.*=-1"):
        WarmUp(linear(), -1)

"""Learning-rate schedules that Keras does not have."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_elastic")
class ExponentialWithConstantEnding(
    keras.optimizers.schedules.LearningRateSchedule
):
    """Staircase exponential decay that ends at a constant, after a warm-up.

    `lr(step) = max(peak * decay_rate ** floor(step / decay_steps),
    ending * peak)`, times `step / warmup_steps` during the warm-up. With a
    peak of 0.256, a rate of 0.97 and an ending of 5 % the floor is 0.0128,
    reached after 98.35 decays.

    Reference:
    - BigNAS (Yu et al., ECCV 2020), section 3.1, "Exponentially decaying with
      constant ending": small subnets learn on while the largest has converged.

    Args:
        peak: Float. Learning rate after the warm-up.
        decay_steps: Float. Steps between two decays.
        decay_rate: Float in (0, 1]. Factor of a decay. Defaults to 0.97.
        ending: Float in [0, 1]. The floor as a part of `peak`.
        warmup_steps: Integer. Steps of linear warm-up from zero.

    Raises:
        ValueError: An argument is out of range.
    """

    def __init__(
        self, peak, decay_steps, decay_rate=0.97, ending=0.05, warmup_steps=0
    ):
        super().__init__()
        if peak <= 0 or decay_steps <= 0 or warmup_steps < 0:
            raise ValueError(
                "`peak` and `decay_steps` must be positive and `warmup_steps` "
                f"not negative. Received: peak={peak}, "
                f"decay_steps={decay_steps}, warmup_steps={warmup_steps}."
            )
        if not 0 < decay_rate <= 1 or not 0 <= ending <= 1:
            raise ValueError(
                "`decay_rate` must be in (0, 1] and `ending` in [0, 1]. "
                f"Received: decay_rate={decay_rate}, ending={ending}."
            )
        self.peak = peak
        self.decay_steps = decay_steps
        self.decay_rate = decay_rate
        self.ending = ending
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        decays = ops.floor(step / self.decay_steps)
        decayed = self.peak * ops.power(self.decay_rate, decays)
        rate = ops.maximum(decayed, self.ending * self.peak)
        if self.warmup_steps:
            rate = rate * ops.minimum((step + 1) / self.warmup_steps, 1.0)
        return rate

    def get_config(self):
        return {
            "peak": self.peak,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "ending": self.ending,
            "warmup_steps": self.warmup_steps,
        }


@keras.saving.register_keras_serializable(package="keras_elastic")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from zero, and then any schedule from its start.

    Args:
        schedule: `LearningRateSchedule` that follows.
        warmup_steps: Integer. Steps of the warm-up; with 0 there is none.

    Raises:
        ValueError: `warmup_steps` is negative.
    """

    def __init__(self, schedule, warmup_steps):
        super().__init__()
        if warmup_steps < 0:
            raise ValueError(
                "`warmup_steps` must not be negative. "
                f"Received: warmup_steps={warmup_steps}."
            )
        self.schedule = schedule
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rate = self.schedule(ops.maximum(step - self.warmup_steps, 0.0))
        if self.warmup_steps:
            rate = rate * ops.minimum((step + 1) / self.warmup_steps, 1.0)
        return rate

    def get_config(self):
        return {
            "schedule": keras.optimizers.schedules.serialize(self.schedule),
            "warmup_steps": self.warmup_steps,
        }

    @classmethod
    def from_config(cls, config):
        schedule = keras.optimizers.schedules.deserialize(config["schedule"])
        return cls(schedule, config["warmup_steps"])

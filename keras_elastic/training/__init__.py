"""Training a supernet."""

from keras_elastic.training.recipe import Recipe as Recipe
from keras_elastic.training.samplers import Sandwich as Sandwich
from keras_elastic.training.samplers import Single as Single
from keras_elastic.training.schedules import (
    ExponentialWithConstantEnding as ExponentialWithConstantEnding,
)
from keras_elastic.training.trainer import Trainer as Trainer

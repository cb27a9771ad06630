"""Readers of a plan that make models."""

from keras_elastic.models.build import build as build
from keras_elastic.models.child import build_child as build_child
from keras_elastic.models.sorting import sort_channels as sort_channels
from keras_elastic.models.supernet import Supernet as Supernet

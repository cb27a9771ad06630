"""Readers of a plan that make models."""

import typing

from keras_elastic import lazy
from keras_elastic import registration

if typing.TYPE_CHECKING:
    from keras_elastic.models.child import build_child as build_child
    from keras_elastic.models.converting.elastic import elastic as elastic
    from keras_elastic.models.decoding import (
        decode_predictions as decode_predictions,
    )
    from keras_elastic.models.networks import build as build
    from keras_elastic.models.pyramid import feature_pyramid as feature_pyramid
    from keras_elastic.models.sorting import sort_channels as sort_channels
    from keras_elastic.models.supernet import Supernet as Supernet

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "child": ["build_child"],
        "converting.elastic": ["elastic"],
        "decoding": ["decode_predictions"],
        "networks": ["build"],
        "pyramid": ["feature_pyramid"],
        "sorting": ["sort_channels"],
        "supernet": ["Supernet"],
    },
)
registration.register_late(__name__, {"supernet": ["Supernet"]})
registration.register_late(
    __name__, {"class_names": ["Child", "NamedClasses"]}, "elastic"
)

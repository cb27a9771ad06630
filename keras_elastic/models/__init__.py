"""Readers of a plan that make models."""

from keras_elastic import lazy
from keras_elastic import registration

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

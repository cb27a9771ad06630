"""Families of networks: tables of choices and the plans that read them.

A family is a frozen dataclass with a `name`, a `space` and a method
`plan(genes, classes)`. It is serialized by its class and its fields, so a
file that was written with one table is read with that table for ever.
"""

import typing

from keras_elastic import lazy

if typing.TYPE_CHECKING:
    from keras_elastic.families.describing import describe as describe
    from keras_elastic.families.efficientnet import EfficientNet as EfficientNet
    from keras_elastic.families.graph import GraphFamily as GraphFamily
    from keras_elastic.families.registry import deserialize as deserialize
    from keras_elastic.families.registry import get as get
    from keras_elastic.families.registry import names as names
    from keras_elastic.families.registry import network as network
    from keras_elastic.families.registry import network_names as network_names
    from keras_elastic.families.registry import register as register
    from keras_elastic.families.registry import (
        register_network as register_network,
    )
    from keras_elastic.families.registry import serialize as serialize

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "describing": ["describe"],
        "efficientnet": ["EfficientNet"],
        "graph": ["GraphFamily"],
        "registry": [
            "deserialize",
            "get",
            "names",
            "network",
            "network_names",
            "register",
            "register_network",
            "serialize",
        ],
    },
)

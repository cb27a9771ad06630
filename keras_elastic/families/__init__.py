"""Families of networks: tables of choices and the plans that read them.

A family is a frozen dataclass with a `name`, a `space` and a method
`plan(genes, classes)`. It is serialized by its class and its fields, so a
file that was written with one table is read with that table for ever.
"""

from keras_elastic import lazy

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

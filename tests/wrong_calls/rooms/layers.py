"""Doors of `keras_elastic.layers`."""

import numpy as np

from keras_elastic import layers
from wrong_calls.door import SIZE
from wrong_calls.door import Anything
from wrong_calls.door import Door
from wrong_calls.values import images


def doors():
    common = {"mode": "choice"}
    conv = {
        "filters": "positive integer",
        "kernel_size": "positive integer",
        "strides": "positive integer",
        "padding": "choice",
        "use_bias": "boolean",
        "kernel_initializer": "name",
        **common,
    }
    yield Door(
        "layers.ElasticConv2D",
        layers.ElasticConv2D,
        {"filters": 4, "kernel_size": 3},
        conv,
    )
    yield Door(
        "layers.ElasticDepthwiseConv2D",
        layers.ElasticDepthwiseConv2D,
        {"kernel_size": 3},
        {
            "kernel_size": "positive integer",
            "strides": "positive integer",
            "kernel_transform": "boolean",
            "padding": "choice",
            "depthwise_initializer": "name",
            **common,
        },
    )
    yield Door(
        "layers.ElasticDense",
        layers.ElasticDense,
        {"units": 3},
        {
            "units": "positive integer",
            "use_bias": "boolean",
            "kernel_initializer": "name",
            **common,
        },
    )
    yield Door(
        "layers.ElasticShortcut",
        layers.ElasticShortcut,
        {"filters": 3},
        {
            "filters": "positive integer",
            "strides": "positive integer",
            "use_projection": "boolean",
            **common,
        },
    )
    yield Door(
        "layers.ElasticSqueezeExcite",
        layers.ElasticSqueezeExcite,
        {"reduced": 3},
        {
            "reduced": "positive integer",
            "activation": "name",
            "gate": "name",
            **common,
        },
        but={"activation": (None, Anything), "gate": (None, Anything)},
    )
    yield Door(
        "layers.ElasticBatchNormalization",
        layers.ElasticBatchNormalization,
        {},
        {"epsilon": "positive", "gamma_initializer": "name", **common},
    )

    def built():
        layer = layers.ElasticConv2D(4, 3)
        layer.build((None, SIZE, SIZE, 3))
        return layer

    yield Door(
        "layers.ElasticConv2D.__call__",
        lambda **a: built()(**a),
        lambda: {"inputs": images()},
        {"filters": "positive integer?", "kernel_size": "positive integer?"},
        more={"filters": (5,), "kernel_size": (5, 2)},
    )

    def normalization():
        layer = layers.ElasticBatchNormalization()
        layer.build((None, SIZE, SIZE, 3))
        return layer

    yield Door(
        "layers.ElasticBatchNormalization.__call__",
        lambda **a: normalization()(**a),
        lambda: {"inputs": images()},
        {"statistics": "statistics", "return_statistics": "boolean"},
        more={"statistics": (np.zeros((3, 2)), np.zeros(3))},
    )

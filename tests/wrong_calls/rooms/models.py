"""Doors of `keras_elastic.models`."""

import keras_elastic as ke
from wrong_calls.door import NAN
from wrong_calls.door import Door
from wrong_calls.values import child
from wrong_calls.values import family
from wrong_calls.values import images
from wrong_calls.values import method
from wrong_calls.values import plan
from wrong_calls.values import smallest
from wrong_calls.values import supernet


def doors():
    yield Door(
        "Supernet",
        ke.Supernet,
        lambda: {"family": family(), "classes": 3},
        {
            "family": "family",
            "classes": "positive integer",
            "mode": "choice",
        },
    )
    yield Door(
        "Supernet.__call__",
        lambda **a: supernet()(**a),
        lambda: {"images": images(), "arch": smallest()},
        {
            "images": "images",
            "arch": "architecture",
            "statistics": "statistics",
            "return_statistics": "boolean",
            "resolution": "positive integer?",
        },
    )
    yield Door(
        "Supernet.child",
        method(supernet, "child"),
        lambda: {"arch": smallest()},
        {
            "arch": "architecture",
            "statistics": "statistics",
            "classes": "positive integer?",
            "name": "string?",
        },
    )
    yield Door(
        "build",
        ke.build,
        {"name": "mobilenet_v3_small"},
        {
            "name": "name",
            "classes": "positive integer?",
            "weights": "choice?",
            "resolution": "positive integer?",
        },
    )
    yield Door(
        "models.build_child",
        ke.models.build_child,
        lambda: {"plan": plan()},
        {"plan": "plan", "name": "string?"},
    )
    yield Door(
        "feature_pyramid",
        ke.feature_pyramid,
        lambda: {"model": child()},
        {"model": "model", "strides": "integers?"},
        more={"strides": (0, -1, 3, [0], [3])},
    )
    yield Door(
        "sort_channels",
        ke.sort_channels,
        lambda: {"supernet": ke.Supernet(family(), 3)},
        {
            "supernet": "supernet",
            "keep": "mapping",
            "trunk": "boolean",
            "statistics": "statistics",
        },
        but={"keep": ([],)},
    )
    yield Door(
        "elastic",
        ke.elastic,
        lambda: {"model": child()},
        {
            "model": "model",
            "resolution": "integers?",
            "width": "object",
            "hidden": "object",
            "depth": "object",
            "kernel_size": "positive integer",
            "scale": "number",
            "offset": "number",
            "channel_order": "choice",
            "mode": "choice",
            "name": "string?",
        },
        but={
            "resolution": (3, "3"),
            "width": (True,),
            "depth": (),
            "scale": ([3],),
            "offset": ([3],),
        },
        more={"width": ((0.0, 1.0), (NAN,), (2.0,)), "depth": (-1, 2.0, NAN)},
    )

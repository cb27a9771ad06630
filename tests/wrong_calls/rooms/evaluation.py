"""Doors of `keras_elastic.evaluation`."""

import keras_elastic as ke
from wrong_calls.door import Door
from wrong_calls.values import child
from wrong_calls.values import digits
from wrong_calls.values import images


def doors():
    yield Door(
        "evaluation.evaluate",
        ke.evaluation.evaluate,
        lambda: {"model": child(), "dataset": digits()},
        {
            "model": "model",
            "dataset": "object",
            "folder": "path?",
            "split": "choice",
            "against": "model?",
            "cam": "path?",
            "overwrite": "boolean",
        },
    )
    yield Door(
        "evaluation.activation_map",
        ke.evaluation.activation_map,
        lambda: {"model": child(), "image": images()[0]},
        {"model": "model", "image": "object", "label": "count?"},
        more={"label": (3,)},
    )

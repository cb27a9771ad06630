"""Doors of `keras_elastic.families`."""

from keras_elastic import families
from keras_elastic.families.efficientnet import Stage
from wrong_calls.door import SIZE
from wrong_calls.door import Door
from wrong_calls.values import family
from wrong_calls.values import method
from wrong_calls.values import smallest


def doors():
    table = {
        "name": "mine",
        "resolution": (SIZE,),
        "stem": (4,),
        "stages": (Stage((4,), (1,)),),
        "head": (8,),
    }
    yield Door(
        "families.EfficientNet",
        lambda **a: families.EfficientNet(**a).space,
        table,
        {
            "name": "string",
            "resolution": "integers",
            "stem": "integers",
            "stages": "integers",
            "head": "integers",
            "stem_strides": "positive integer",
            "attentive": "boolean",
            "dropout": "fraction",
            "transition_shortcuts": "boolean",
            "total_strides": "positive integer?",
            "activation": "string",
            "scale": "number",
            "offset": "number",
        },
        more={"resolution": ((), (0,), (-8,)), "stem": ((), (0,))},
    )
    yield Door(
        "families.EfficientNet.plan",
        method(family, "plan"),
        lambda: {"genes": smallest(), "classes": 3},
        {"genes": "architecture", "classes": "positive integer"},
    )
    yield Door(
        "families.get",
        lambda name: families.get(name),
        {},
        {"name": "name"},
    )
    yield Door(
        "families.network",
        families.network,
        {},
        {"name": "name"},
    )
    yield Door(
        "families.describe",
        families.describe,
        {"name": "bignas_digits"},
        {"name": "family", "classes": "positive integer"},
    )
    yield Door(
        "families.register",
        families.register,
        {},
        {"family": "family"},
    )
    yield Door(
        "families.register_network",
        families.register_network,
        lambda: {
            "name": "mine",
            "family": "bignas_digits",
            "arch": families.get("bignas_digits").space.smallest,
        },
        {"name": "string", "family": "name", "arch": "architecture"},
    )
    yield Door(
        "families.serialize", families.serialize, {}, {"family": "family"}
    )
    yield Door(
        "families.deserialize",
        families.deserialize,
        {},
        {"config": "mapping"},
        more={"config": ({}, {"class_name": "EfficientNet"})},
    )
    graph = {
        "name": "mine",
        "resolution": (SIZE,),
        "width": ((4,),),
        "depth": (),
        "kernel_size": (),
        "owners": (),
        "labels": (),
        "blocks": (),
        "scale": 1.0,
        "offset": 0.0,
    }
    yield Door(
        "families.GraphFamily",
        lambda **a: families.GraphFamily(**a).space,
        graph,
        {
            "name": "string",
            "resolution": "integers",
            "width": "integers",
            "depth": "integers",
            "kernel_size": "integers",
            "owners": "integers",
            "labels": "strings",
            "blocks": "integers",
            "scale": "number",
            "offset": "number",
        },
        but={
            "scale": ([3],),
            "offset": ([3],),
            "owners": ([None],),
        },
    )

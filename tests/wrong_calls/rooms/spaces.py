"""Doors of `keras_elastic.spaces`."""

import numpy as np

import keras_elastic as ke
from keras_elastic import spaces
from wrong_calls.door import Door
from wrong_calls.values import family
from wrong_calls.values import method
from wrong_calls.values import rows


def doors():
    architecture = {
        "resolution": 8,
        "width": (4, 4),
        "depth": (1,),
        "kernel_size": (3,),
        "expand_ratio": (1,),
    }
    genes = dict.fromkeys(architecture, "integers")
    yield Door(
        "Architecture",
        ke.Architecture,
        architecture,
        {**genes, "resolution": "positive integer"},
        but={"resolution": (0, -1)},
    )
    yield Door(
        "Architecture.from_dict",
        ke.Architecture.from_dict,
        {},
        {"values": "mapping"},
        more={"values": ({}, {**architecture, "more": 1})},
    )
    yield Door(
        "Architecture.from_json",
        ke.Architecture.from_json,
        {},
        {"text": "string"},
        more={"text": ("", "{")},
    )
    space = {
        "name": "mine",
        "resolution": (8,),
        "width": ((4,),),
        "depth": ((1,),),
        "kernel_size": ((3,),),
        "expand_ratio": ((1,),),
    }
    yield Door(
        "SearchSpace",
        ke.SearchSpace,
        space,
        {
            "name": "string",
            **genes,
            "owners": "integers",
            "labels": "strings",
        },
        but={"owners": ([None],)},
        more={"resolution": ((), (8, 8), (0,)), "width": (((),), ((4, 2),))},
    )
    arch = {"arch": "architecture"}
    for name in ("canonical", "validate", "encode", "contains"):
        yield Door(
            f"SearchSpace.{name}",
            method(lambda: family().space, name),
            {},
            arch if name != "contains" else {},
        )
    yield Door(
        "SearchSpace.decode",
        method(lambda: family().space, "decode"),
        {},
        {"vector": "rows"},
    )
    yield Door(
        "SearchSpace.sample",
        method(lambda: family().space, "sample"),
        {},
        {"rng": "object"},
    )
    yield Door(
        "SearchSpace.sample_encoded",
        method(lambda: family().space, "sample_encoded"),
        {"rng": np.random.default_rng(0), "count": 2},
        {"rng": "object", "count": "positive integer"},
        but={"count": (0,)},
    )
    yield Door(
        "SearchSpace.keep_largest",
        method(lambda: family().space, "keep_largest"),
        {},
        {"depth": "positive integer", "width": "positive integer"},
    )
    yield Door(
        "SearchSpace.from_dict",
        ke.SearchSpace.from_dict,
        {},
        {"values": "mapping"},
        more={"values": ({},)},
    )
    yield Door("spaces.GeneTable", spaces.GeneTable, {}, {"space": "space"})
    table = lambda: spaces.GeneTable(family().space)  # noqa: E731
    for name in ("dead", "canonical", "indices", "one_hot"):
        yield Door(
            f"spaces.GeneTable.{name}",
            method(table, name),
            {},
            {"encoded": "rows"},
        )
    yield Door(
        "spaces.GeneTable.mutate",
        method(table, "mutate"),
        lambda: {
            "encoded": rows(),
            "rng": np.random.default_rng(0),
            "probability": 0.5,
        },
        {"encoded": "rows", "rng": "object", "probability": "fraction"},
    )
    yield Door(
        "spaces.GeneTable.crossover",
        method(table, "crossover"),
        lambda: {
            "first": rows(),
            "second": rows(),
            "rng": np.random.default_rng(0),
        },
        {"first": "rows", "second": "rows", "rng": "object"},
    )
    yield Door("spaces.costs", spaces.costs, {}, {"plan": "plan"})
    yield Door(
        "spaces.skeletons",
        lambda space: iter(spaces.skeletons(space)),
        {},
        {"space": "space"},
    )
    yield Door(
        "spaces.round_channels",
        spaces.round_channels,
        {"channels": 12},
        {
            "channels": "positive integer",
            "divisor": "positive integer",
            "minimum": "positive integer",
            "scale": "positive integer",
        },
    )
    yield Door(
        "spaces.ceil_divide",
        spaces.ceil_divide,
        {"value": 7, "divisor": 2},
        {"value": "positive integer", "divisor": "positive integer"},
        but={"value": (0,)},
    )
    yield Door(
        "spaces.PlanBuilder",
        spaces.PlanBuilder,
        {"resolution": 8},
        {
            "resolution": "positive integer",
            "channels": "positive integer",
            "scale": "number",
            "offset": "number",
        },
        but={"scale": ([3],), "offset": ([3],)},
    )
    yield from _plan_builder()


def _plan_builder():
    def build(name):
        def call(**arguments):
            builder = spaces.PlanBuilder(8)
            with builder.block("block"):
                getattr(builder, f"{name}")(**arguments)

        return call

    sizes = {
        "filters": "positive integer",
        "kernel_size": "positive integer",
        "strides": "positive integer",
        "padding": "choice",
    }
    yield Door(
        "spaces.PlanBuilder.convolution",
        build("convolution"),
        {"name": "conv", "filters": 4},
        {"name": "string", **sizes, "use_bias": "boolean"},
    )
    yield Door(
        "spaces.PlanBuilder.depthwise_convolution",
        build("depthwise_convolution"),
        {"name": "conv", "kernel_size": 3},
        {
            "name": "string",
            "kernel_size": "positive integer",
            "strides": "positive integer",
            "kernel_transform": "boolean",
            "padding": "choice",
        },
    )
    yield Door(
        "spaces.PlanBuilder.max_pooling",
        build("max_pooling"),
        {"name": "pool", "pool_size": 2, "strides": 2},
        {
            "name": "string",
            "pool_size": "positive integer",
            "strides": "positive integer",
            "padding": "choice",
        },
    )
    yield Door(
        "spaces.PlanBuilder.dense",
        build("dense"),
        {"name": "dense", "units": 3},
        {"name": "string", "units": "positive integer", "use_bias": "boolean"},
    )
    yield Door(
        "spaces.PlanBuilder.dropout",
        build("dropout"),
        {"name": "dropout", "rate": 0.5},
        {"name": "string", "rate": "fraction"},
    )
    yield Door(
        "spaces.PlanBuilder.squeeze_excite",
        build("squeeze_excite"),
        {"name": "se", "reduced": 2, "activation": "relu", "gate": "sigmoid"},
        {
            "name": "string",
            "reduced": "positive integer",
            "activation": "string",
            "gate": "string",
        },
    )
    yield Door(
        "spaces.PlanBuilder.normalization",
        build("normalization"),
        {"name": "norm"},
        {"name": "string", "epsilon": "positive", "zero_gamma": "boolean"},
    )

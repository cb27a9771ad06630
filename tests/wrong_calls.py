"""Wrong calls of the whole public API, and what becomes of them.

`python tests/wrong_calls.py` prints a table by public name. Each call of a
`Door` is right but for one argument, which gets every value that its kind
rules out. A call is

- clear, if a `ValueError` names the argument;
- raw, if something else is raised, or a `ValueError` that does not name it;
- wrong, if there is no error.

Missing and unknown arguments, of which Python tells, are not in the list.
"""

import collections
import contextlib
import dataclasses
import functools
import io
import math
import os
import pathlib
import re
import sys
import tempfile
import types
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import keras
import numpy as np

import keras_elastic as ke
from keras_elastic import conditional
from keras_elastic import families
from keras_elastic import layers
from keras_elastic import selection
from keras_elastic import spaces
from keras_elastic import training
from keras_elastic import zoo
from keras_elastic.families.efficientnet import Stage

SIZE = 8


class Anything:
    """An object that is nothing."""

    def __repr__(self):
        return "<anything>"


NAN = float("nan")
ODD = (Anything(), Anything)
NO_NUMBERS = (None, "3", "", [3], {}, *ODD)
NO_INTEGERS = (*NO_NUMBERS, 2.5, NAN, True)
NO_OBJECTS = (None, "no such thing", 3, 2.5, True, [], {}, *ODD)
NO_IMAGES = (
    None,
    "images",
    3,
    np.zeros((SIZE, SIZE, 3), "float32"),
    np.zeros((2, SIZE, SIZE, 1), "float32"),
    np.zeros((2, SIZE, SIZE, 4), "float32"),
    np.zeros((2, 5), "float32"),
    [],
    *ODD,
)

# What a kind of argument rules out.
KINDS = {
    "positive integer": (*NO_INTEGERS, 0, -1),
    "count": (*NO_INTEGERS, -1),
    "integer": NO_INTEGERS,
    "positive": (*NO_NUMBERS, 0, -1.0, NAN, True),
    "non-negative": (*NO_NUMBERS, -0.5, NAN, True),
    "number": (*NO_NUMBERS, NAN, True),
    "fraction": (*NO_NUMBERS, -0.5, 1.5, NAN, True),
    "boolean": ("yes", "", None, 2, 2.5, [], [True], {}, *ODD),
    "choice": ("no such choice", "", None, 3, True, [], {}, *ODD),
    "string": (None, 3, 2.5, True, [], {}, b"bytes", *ODD),
    "text": (None, 3, 2.5, True, [], {}, b"bytes", *ODD),
    "name": (None, "no such name", "", 3, 2.5, True, [], {}, *ODD),
    "path": (None, "", 3, 2.5, True, [], {}, *ODD),
    "strings": (None, 3, True, [3], [None], {"a": 1}, *ODD),
    "integers": (None, "3", 3, [2.5], ["3"], [None], [True], *ODD),
    "function": ("function", 3, 2.5, True, [], {}, Anything()),
    "mapping": (None, "mapping", 3, True, [], *ODD),
    "model": (*NO_OBJECTS, keras.Model, keras.layers.Dense(3)),
    "family": (*NO_OBJECTS, families.EfficientNet),
    "space": (*NO_OBJECTS, spaces.SearchSpace),
    "supernet": (*NO_OBJECTS, ke.Supernet),
    "architecture": (*NO_OBJECTS, spaces.Architecture),
    "plan": (*NO_OBJECTS, spaces.Plan),
    "entry": (*NO_OBJECTS, ""),
    "images": NO_IMAGES,
    "object": NO_OBJECTS,
    "rows": (None, "rows", 3, [[1, 2]], np.zeros(3), *ODD),
    "statistics": (
        "statistics",
        3,
        [],
        {},
        {"stem_norm": np.zeros((2, 3))},
        *ODD,
    ),
    "classes names": (
        "cat",
        3,
        {"a", "b", "c"},
        {"a": 0},
        ["a", "b"],
        ["a", "a", "b"],
        ["a", "b\nc", "d"],
        ["a", "b", ""],
        ["a", "b", 3],
        *ODD,
    ),
}


@dataclasses.dataclass
class Door:
    """A public callable, right arguments, and their kinds.

    Args:
        name: The public name.
        call: Function of the arguments.
        right: Dictionary of arguments, or a function that makes it.
        kinds: Dictionary from arguments to kinds of `KINDS`; one that ends in
            "?" may be `None`.
        but: Values that are right nevertheless, by argument.
        more: Further wrong values, by argument.
    """

    name: str
    call: Callable
    right: Any
    kinds: dict[str, str]
    but: dict[str, tuple] = dataclasses.field(default_factory=dict)
    more: dict[str, tuple] = dataclasses.field(default_factory=dict)

    def wrong_values(self, argument):
        """Yields what an argument must not be."""
        kind = self.kinds[argument]
        values = KINDS[kind.removesuffix("?")]
        right = [repr(value) for value in self.but.get(argument, ())]
        for value in (*values, *self.more.get(argument, ())):
            is_none = value is None and kind.endswith("?")
            if not is_none and repr(value) not in right:
                yield value

    def results(self):
        """Yields the argument, the value and what became of each call."""
        for argument in self.kinds:
            for value in self.wrong_values(argument):
                right = self.right() if callable(self.right) else self.right
                yield (
                    argument,
                    value,
                    *outcome(self.call, {**right, argument: value}, argument),
                )


def outcome(call, arguments, argument):
    """Returns "clear", "raw" or "wrong", and the error."""
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            result = call(**arguments)
            if isinstance(result, types.GeneratorType):
                next(result)
    except Exception as error:
        # An `OSError` is clear if it names the path.
        value = arguments[argument]
        is_path = isinstance(error, OSError) and str(value) in str(error)
        is_clear = isinstance(error, ValueError) or is_path
        is_named = is_path or re.search(rf"\b{argument}\b", str(error))
        kind = "clear" if is_clear and is_named else "raw"
        return kind, f"{type(error).__name__}: {error}"
    return "wrong", ""


# Right values, made once.


@functools.cache
def family():
    return families.EfficientNet(
        name="wrong_calls",
        resolution=(SIZE, 12),
        stem=(4, 8),
        stages=(Stage((4, 8), (1, 2), expand_ratio=(1,)),),
        head=(8, 12),
    )


@functools.cache
def supernet():
    return ke.Supernet(family(), classes=3)


@functools.cache
def statistics():
    return ke.SubnetCalibrator(supernet()).measure(smallest(), images())


def smallest():
    return family().space.smallest


@functools.cache
def child():
    model = supernet().child(smallest(), statistics())
    return training_of(model)


def training_of(model):
    from keras_elastic.models import heads

    return heads.compile_classifier(model)


@functools.cache
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (6, SIZE, SIZE, 3)).astype("float32")


@functools.cache
def rows():
    return family().space.sample_encoded(np.random.default_rng(0), 4)


def plan():
    return family().plan(smallest(), 3)


@functools.cache
def folder():
    return pathlib.Path(tempfile.mkdtemp())


@functools.cache
def preset():
    return ke.save_preset(child(), folder() / "preset")


@functools.cache
def digits():
    return ke.data.load_dataset("digits", limit=50)


def front():
    counted = spaces.costs(plan())
    row = selection.FrontRow(smallest(), *counted, 0.5, 0.5)
    return selection.Front([row])


def method(make, name):
    """A method of an object that is made when it is called."""
    return lambda **arguments: getattr(make(), name)(**arguments)


def fit(**arguments):
    model = keras.models.clone_model(child())
    model.set_weights(child().get_weights())
    training_of(model)
    recipe = ke.finetune_recipe(model, epochs=1, head_epochs=0)
    return recipe.fit(
        **{"model": model, "x": images(), "y": np.arange(6) % 3, **arguments},
        verbose=0,
    )


def doors():
    """All doors, by the namespaces of the package."""
    yield from _root()
    yield from _models()
    yield from _families()
    yield from _spaces()
    yield from _layers()
    yield from _training()
    yield from _selection()
    yield from _data()
    yield from _export()
    yield from _zoo()
    yield from _conditional()


def _root():
    budget = {
        "flops": "positive?",
        "params": "positive?",
        "memory": "positive?",
        "resolution": "positive integer?",
    }
    yield Door(
        "load",
        ke.load,
        {"name_or_folder": "bignas_digits", "weights": None},
        {
            "name_or_folder": "entry",
            **budget,
            "arch": "architecture?",
            "classes": "positive integer?",
            "multi_label": "boolean",
            "include_top": "boolean",
            "pooling": "choice?",
            "weights": "choice?",
            "calibration_images": "images?",
        },
        more={"classes": (1,)},
    )
    yield Door(
        "load (a preset)",
        lambda **a: ke.load(**a),
        lambda: {"name_or_folder": preset()},
        {"classes": "positive integer?", "multi_label": "boolean"},
        more={"classes": (1,)},
    )
    yield Door(
        "load_supernet",
        ke.load_supernet,
        {"name_or_folder": "bignas_digits", "weights": None},
        {
            "name_or_folder": "entry",
            "classes": "positive integer?",
            "weights": "choice?",
        },
    )
    yield Door(
        "select",
        ke.select,
        {"name_or_folder": "bignas_digits", "flops": 1e6},
        {
            "name_or_folder": "entry",
            **budget,
            "scorer": "function?",
            "search": "object?",
            "progress": "function?",
        },
    )
    yield Door(
        "save_preset",
        ke.save_preset,
        lambda: {
            "model": child(),
            "folder": folder() / "saved",
            "overwrite": True,
        },
        {
            "model": "model",
            "folder": "path",
            "class_names": "classes names",
            "card": "text",
            "overwrite": "boolean",
        },
    )
    yield Door(
        "calibrate",
        ke.calibrate,
        lambda: {
            "model": keras.models.clone_model(child()),
            "images": images(),
        },
        {
            "model": "model",
            "images": "images",
            "batch_size": "positive integer",
        },
    )
    yield Door(
        "is_calibrated",
        ke.is_calibrated,
        lambda: {"model": child()},
        {"model": "model"},
    )
    yield Door(
        "SubnetCalibrator",
        ke.SubnetCalibrator,
        lambda: {"supernet": supernet()},
        {"supernet": "supernet"},
    )
    yield Door(
        "SubnetCalibrator.measure",
        method(lambda: ke.SubnetCalibrator(supernet()), "measure"),
        lambda: {"arch": smallest(), "images": images()},
        {
            "arch": "architecture",
            "images": "images",
            "batch_size": "positive integer",
        },
    )
    yield Door(
        "decode_predictions",
        ke.decode_predictions,
        {"logits": np.zeros((2, 3)), "model": ["a", "b", "c"]},
        {
            "logits": "images",
            "model": "object",
            "top": "positive integer",
        },
        more={"logits": (np.zeros(3), np.zeros((2, 4)))},
    )
    yield Door(
        "finetune_recipe",
        ke.finetune_recipe,
        lambda: {"model": child()},
        {
            "model": "model",
            "epochs": "positive integer",
            "head_epochs": "count",
            "head": "name?",
            "learning_rate": "positive",
            "head_learning_rate": "positive",
            "weight_decay": "non-negative",
            "statistics": "choice",
        },
    )


def _models():
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
        {"name": "name", "classes": "positive integer"},
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


def _families():
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


def _spaces():
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


def _layers():
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


def _training():
    yield Door(
        "training.FineTuningStage",
        training.FineTuningStage,
        {"name": "all", "epochs": 1, "layers": None, "learning_rate": 0.1},
        {
            "name": "string",
            "epochs": "positive integer",
            "layers": "strings?",
            "learning_rate": "positive",
            "warmup_epochs": "non-negative",
            "weight_decay": "non-negative",
            "momentum": "fraction",
            "statistics": "choice",
        },
        more={"momentum": (1.0,), "learning_rate": (math.inf,)},
    )

    def stage():
        return training.FineTuningStage(
            name="all", epochs=1, layers=None, learning_rate=0.1
        )

    yield Door(
        "training.FineTuningStage.schedule",
        method(stage, "schedule"),
        {},
        {"steps_per_epoch": "positive integer"},
    )
    yield Door(
        "training.FineTuningStage.prepare",
        method(stage, "prepare"),
        lambda: {"model": child(), "steps_per_epoch": 1},
        {"model": "model", "steps_per_epoch": "positive integer"},
    )
    yield Door(
        "training.FineTuningRecipe",
        training.FineTuningRecipe,
        lambda: {"stages": (stage(),)},
        {"stages": "integers", "calibration_images": "positive integer"},
        more={"stages": ((),)},
    )
    yield Door(
        "training.FineTuningRecipe.fit",
        fit,
        {},
        {
            "model": "model",
            "x": "images",
            "batch_size": "positive integer?",
            "steps_per_epoch": "positive integer?",
            "validation_split": "fraction",
        },
        but={"validation_split": (None, {}, "")},
    )
    yield Door(
        "training.KerasTeacher",
        training.KerasTeacher,
        lambda: {"model": child()},
        {"model": "model", "from_logits": "boolean"},
        but={"from_logits": (None,)},
    )
    yield Door(
        "training.SubnetTeacher",
        training.SubnetTeacher,
        lambda: {"supernet": supernet(), "arch": smallest()},
        {"supernet": "supernet", "arch": "architecture"},
    )
    yield Door(
        "training.AdaptiveAlphaDivergence",
        training.AdaptiveAlphaDivergence,
        {},
        {"alpha_min": "number", "alpha_max": "number", "clip": "positive"},
        more={"alpha_min": (0, 2.0), "alpha_max": (0, -2.0)},
    )
    for name in ("InPlaceDistillation", "Supervised", "EnsembleBootstrapping"):
        yield Door(
            f"training.{name}",
            getattr(training, name),
            {},
            {
                "divergence": "name",
                "teacher": "function?",
                "teacher_weight": "non-negative",
            },
            but={"divergence": (Anything,)},
        )
    samplers = {
        "num_random": "count",
        "space": "space?",
        "archs": "integers?",
    }
    both = {"mutual": "boolean", "same_resolution": "boolean"}
    yield Door("training.Sandwich", training.Sandwich, {}, {**samplers, **both})
    yield Door("training.RandomSubnets", training.RandomSubnets, {}, samplers)
    yield Door(
        "training.AttentiveSandwich",
        training.AttentiveSandwich,
        {},
        {
            **samplers,
            **both,
            "num_candidates": "positive integer",
            "prefer": "choice",
        },
    )
    yield Door("training.Single", training.Single, {}, {"arch": "architecture"})
    yield Door(
        "training.Trainer",
        training.Trainer,
        lambda: {"supernet": supernet(), "optimizer": keras.optimizers.SGD()},
        {
            "supernet": "supernet",
            "optimizer": "object",
            "sampler": "object?",
            "objective": "object?",
            "guard": "boolean",
        },
    )
    yield Door(
        "training.TaskTrainer",
        training.TaskTrainer,
        lambda: {
            "task": training.Trainer(supernet(), keras.optimizers.SGD()).task,
            "optimizer": keras.optimizers.SGD(),
        },
        {"task": "object", "optimizer": "object", "guard": "boolean"},
    )
    recipe = {
        "name": "mine",
        "dataset": "digits",
        "patch_size": 8,
        "batch_size": 8,
        "epochs": 1,
        "learning_rate": 0.1,
        "family": "bignas_digits",
        "budgets": (1e6,),
    }
    yield Door(
        "training.Recipe",
        training.Recipe,
        recipe,
        {
            "name": "string",
            "dataset": "string",
            "patch_size": "positive integer",
            "batch_size": "positive integer",
            "epochs": "positive integer",
            "learning_rate": "positive",
            "steps_per_epoch": "positive integer?",
            "limit": "positive integer?",
            # Those of its data set are told when it is read.
            "augmentation": "string",
            "mixup": "non-negative",
            "divergence": "choice",
            "teacher": "string?",
            "optimizer": "choice",
            "schedule": "choice",
            "warmup_epochs": "non-negative",
            "weight_decay": "non-negative",
            "ema_momentum": "fraction?",
            "label_smoothing": "fraction",
            "accumulation_steps": "positive integer",
            "calibration_images": "positive integer",
            "seed": "integer",
            "family": "string",
            "budgets": "integers",
            "upscale": "boolean",
            "sampler": "choice",
            "num_random": "count",
            "num_candidates": "positive integer",
            "training_resolutions": "integers?",
            "same_resolution": "boolean",
            "objective": "choice",
            "teacher_weight": "non-negative",
            "sort_channels": "boolean",
            "mutants": "count",
            "band": "fraction?",
            "selection_images": "positive integer?",
        },
        but={"budgets": ([2.5],)},
    )


def _selection():
    yield Door(
        "selection.Budget",
        selection.Budget,
        {},
        {
            "flops": "positive?",
            "params": "positive?",
            "memory": "positive?",
            "resolution": "positive integer?",
            "limits": "integers",
        },
    )
    yield Door(
        "selection.Limit",
        selection.Limit,
        {"name": "cost", "cost": len, "bound": 1.0},
        {"name": "string", "cost": "function", "bound": "number"},
        but={"cost": (Anything,)},
    )
    row = {
        "flops": 1,
        "params": 1,
        "memory": 1,
        "held_out_top1": 0.5,
        "held_out_loss": 0.5,
    }
    yield Door(
        "selection.FrontRow",
        selection.FrontRow,
        lambda: {"arch": smallest(), **row},
        {
            "arch": "architecture",
            "flops": "count",
            "params": "count",
            "memory": "count",
            "held_out_top1": "fraction",
            "held_out_loss": "non-negative",
            "test_top1": "fraction?",
            "latency_ms": "non-negative?",
        },
    )
    yield Door(
        "selection.Front",
        selection.Front,
        {},
        {"rows": "integers"},
        but={"rows": ()},
    )
    yield Door(
        "selection.Front.best",
        method(front, "best"),
        lambda: {"budget": selection.Budget(), "name": "mine"},
        {"budget": "object"},
    )
    yield Door(
        "selection.Front.write",
        method(front, "write"),
        {},
        {"path": "path"},
    )
    yield Door(
        "selection.Front.read",
        selection.Front.read,
        lambda: {
            "path": written_front(),
            "family": family(),
            "classes": 3,
        },
        {"path": "path", "family": "family", "classes": "positive integer"},
        more={"path": (folder() / "no_such.csv",)},
    )
    yield Door(
        "selection.constrained",
        selection.constrained,
        lambda: {"space": family().space, "reference": smallest()},
        {"space": "space", "reference": "architecture"},
    )
    yield Door(
        "selection.contains",
        selection.contains,
        lambda: {"plan": plan(), "reference": plan()},
        {"plan": "plan", "reference": "plan"},
    )
    right = np.array([True, False])
    flips = {"reference_correct": "rows", "target_correct": "rows"}
    for name in ("negative_flip_rate", "positive_flip_rate"):
        yield Door(
            f"selection.{name}",
            getattr(selection, name),
            {"reference_correct": right, "target_correct": right},
            flips,
        )
    yield Door(
        "selection.Scorer",
        selection.Scorer,
        lambda: {
            "supernet": supernet(),
            "calibration_images": images(),
            "evaluation_batches": [(255 - images(), np.arange(6) % 3)],
        },
        {
            "supernet": "supernet",
            "calibration_images": "images",
            "evaluation_batches": "integers",
        },
    )
    for name, kinds in (
        ("RandomSearch", {"count": "positive integer"}),
        ("EvolutionSearch", {"population": "positive integer"}),
        ("CoarseToFineSearch", {"mutants": "count"}),
        ("NSGA2Search", {"population": "positive integer"}),
        ("PredictorSearch", {}),
        ("SlimmingSearch", {"groups": "positive integer", "fields": "strings"}),
    ):
        search = getattr(selection, name)
        known = [f.name for f in dataclasses.fields(search)]
        yield Door(
            f"selection.{name}",
            search,
            {},
            {k: v for k, v in {**kinds, "seed": "count"}.items() if k in known},
        )
    yield Door(
        "selection.RandomSearch.search",
        method(lambda: selection.RandomSearch(), "search"),
        lambda: {
            "family": family(),
            "classes": 3,
            "score": lambda arch: 0.5,
            "budgets": [selection.Budget()],
        },
        {
            "family": "family",
            "classes": "positive integer",
            "score": "function",
            "budgets": "integers",
            "progress": "function?",
        },
    )
    yield Door(
        "selection.measure_latency",
        selection.measure_latency,
        lambda: {"model": child(), "runs": 1},
        {
            "model": "model",
            "runtime": "name",
            "batch_size": "positive integer",
            "threads": "positive integer?",
            "runs": "positive integer",
        },
    )
    yield Door(
        "selection.plot_front",
        selection.plot_front,
        lambda: {"path": folder() / "front.png", "front": front()},
        {"path": "path", "front": "object", "cost": "choice", "title": "text"},
    )


@functools.cache
def written_front():
    path = folder() / "front.csv"
    front().write(path)
    return path


def _data():
    data = ke.data
    yield Door(
        "data.load_dataset",
        data.load_dataset,
        {"name": "digits"},
        {
            "name": "entry",
            "limit": "positive integer?",
            "skip_corrupt": "boolean",
        },
    )
    yield Door(
        "data.load_arrays",
        data.load_arrays,
        {"name": "digits"},
        {
            "name": "entry",
            "limit": "positive integer?",
            "resize_to": "positive integer?",
        },
    )
    sizes = {"batch_size": 2, "patch_size": 8}
    yield Door(
        "data.evaluation_batches",
        data.evaluation_batches,
        lambda: {"split": digits().test, **sizes},
        {
            "split": "object",
            "batch_size": "positive integer",
            "patch_size": "positive integer",
            "count": "positive integer?",
        },
    )
    yield Door(
        "data.training_batches",
        data.training_batches,
        lambda: {"split": digits().train, **sizes, "seed": 0, "epoch": 0},
        {
            "split": "object",
            "batch_size": "positive integer",
            "patch_size": "positive integer",
            "seed": "count",
            "epoch": "count",
            "augmentation": "choice",
            "start_batch": "count",
            "shard_index": "count",
            "num_shards": "positive integer",
        },
    )
    yield Door(
        "data.steps_per_epoch",
        data.steps_per_epoch,
        lambda: {"split": digits().train, "batch_size": 2},
        {"split": "object", "batch_size": "positive integer"},
    )
    yield Door(
        "data.ArraySplit",
        data.ArraySplit,
        lambda: {
            "images": images().astype("uint8"),
            "labels": np.arange(6) % 3,
        },
        {"images": "images", "labels": "rows"},
    )
    yield Door(
        "data.center_patch",
        data.center_patch,
        lambda: {"image": images()[0], "patch_size": 8},
        {"patch_size": "positive integer"},
    )


def _export():
    export = ke.export
    common = {
        "version": "positive integer",
        "class_names": "classes names",
        "top": "positive integer",
        "overwrite": "boolean",
    }
    yield Door(
        "export.saved_model",
        export.saved_model,
        lambda: {"model": child(), "folder": new_folder()},
        {
            "model": "model",
            "folder": "path",
            **common,
            "multi_label": "boolean",
        },
        but={"multi_label": (None,)},
    )
    yield Door(
        "export.many_budgets",
        export.many_budgets,
        lambda: {
            "source": supernet(),
            "folder": new_folder(),
            "budgets": {"a": (smallest(), statistics())},
        },
        {
            "source": "object",
            "folder": "path",
            "budgets": "mapping",
            **common,
        },
        more={
            "budgets": (
                {},
                {"a": 3},
                {3: (smallest(), statistics())},
            )
        },
    )
    yield Door(
        "export.litert",
        export.litert,
        lambda: {"model": child(), "path": new_folder() / "a.tflite"},
        {
            "model": "model",
            "path": "path",
            "quantization": "choice?",
            "calibration_images": "images?",
        },
        more={"path": ("no_suffix",)},
    )
    yield Door(
        "export.next_version", export.next_version, {}, {"folder": "path"}
    )
    try:
        import tensorflow_model_optimization  # noqa: F401
    except ImportError:
        return
    yield Door(
        "export.quantization_aware",
        export.quantization_aware,
        lambda: {"model": child(), "calibration_images": images()},
        {"model": "model", "calibration_images": "images"},
    )
    yield Door(
        "export.pruned",
        export.pruned,
        lambda: {"model": child(), "steps": 10},
        {"model": "model", "sparsity": "fraction", "steps": "positive integer"},
        more={"sparsity": (0, 1)},
    )
    yield Door(
        "export.clustered",
        export.clustered,
        lambda: {"model": child()},
        {"model": "model", "clusters": "positive integer"},
        more={"clusters": (1,)},
    )


def new_folder():
    return pathlib.Path(tempfile.mkdtemp(dir=folder())) / "new"


def _zoo():
    yield Door(
        "zoo.Entry",
        zoo.Entry,
        {},
        {"folder": "path"},
        more={"folder": (folder() / "no_such",)},
    )
    yield Door(
        "zoo.find_entry", zoo.find_entry, {}, {"name_or_folder": "entry"}
    )
    yield Door("zoo.load_teacher", zoo.load_teacher, {}, {"name": "entry"})
    yield Door(
        "zoo.read_recipe",
        zoo.read_recipe,
        {"name": "bignas_digits", "changes": {}},
        {"name": "entry", "changes": "mapping", "smoke": "boolean"},
    )

    def entry():
        return zoo.find_entry("bignas_digits")

    space = families.get("bignas_digits").space
    yield Door(
        "zoo.Entry.child",
        method(entry, "child"),
        {"arch": space.smallest},
        {
            "arch": "architecture",
            "statistics": "statistics",
            "classes": "positive integer?",
        },
    )
    yield Door(
        "zoo.Entry.supernet",
        method(entry, "supernet"),
        {},
        {"weights": "boolean"},
    )
    yield Door(
        "zoo.Entry.statistics",
        method(entry, "statistics"),
        {},
        {"row": "count"},
        more={"row": (1000,)},
    )


def _conditional():
    digits_family = families.get("bignas_digits")

    def plans():
        space = digits_family.space
        return {
            "light": digits_family.plan(space.smallest, 3),
            "specialist": digits_family.plan(space.largest, 3),
            "num_bases": 2,
            "basis_blocks": (6,),
        }

    kinds = {
        "light": "plan",
        "specialist": "plan",
        "num_bases": "positive integer",
        "basis_blocks": "integers",
    }
    yield Door(
        "BasisNet",
        ke.BasisNet,
        plans,
        {
            **kinds,
            "activation": "choice",
            "exit_threshold": "fraction?",
            "method": "choice",
            "name": "string",
        },
        but={"name": (None,)},
        more={"basis_blocks": ((0,), (99,), ())},
    )
    yield Door(
        "conditional.basisnet_costs", conditional.basisnet_costs, plans, kinds
    )
    yield Door(
        "conditional.condconv_costs",
        conditional.condconv_costs,
        lambda: {
            "plan": plans()["specialist"],
            "num_bases": 2,
            "basis_blocks": (6,),
        },
        {
            "plan": "plan",
            "num_bases": "positive integer",
            "basis_blocks": "integers",
        },
    )
    yield Door(
        "DSNet",
        ke.DSNet,
        {
            "family": "ds_mobilenet_cifar10",
            "classes": 3,
            "window": (1, 2),
        },
        {
            "family": "family",
            "classes": "positive integer",
            "window": "choice?",
            "resolution": "positive integer?",
            "mode": "choice",
        },
        more={"window": ((2, 1), (0, 99), (1,))},
    )
    yield Door(
        "conditional.select_pair",
        conditional.select_pair,
        {
            "family": digits_family,
            "flops": 1e6,
            "classes": 3,
            "num_bases": 2,
            "num_basis_blocks": 1,
            "num_candidates": 20,
        },
        {
            "family": "family",
            "flops": "positive",
            "classes": "positive integer",
            "num_bases": "positive integer",
            "num_basis_blocks": "positive integer",
            "light_family": "family?",
            "light_share": "fraction",
            "score": "function?",
            "light_score": "function?",
            "num_candidates": "positive integer",
            "seed": "count",
        },
    )
    yield Door(
        "conditional.dsnet_report",
        conditional.dsnet_report,
        lambda: {"model": dsnet(), "images": np.zeros((2, 32, 32, 3))},
        {
            "model": "model",
            "images": "images",
            "batch_size": "positive integer",
        },
    )
    yield Door(
        "conditional.BasisExit",
        conditional.BasisExit,
        {},
        {"threshold": "fraction?"},
    )
    yield Door(
        "conditional.BasisPreview",
        conditional.BasisPreview,
        {},
        {"size": "positive integer"},
    )
    yield Door(
        "conditional.BasisConv2D",
        conditional.BasisConv2D,
        {"filters": 4, "kernel_size": 3, "num_bases": 2},
        {
            "filters": "positive integer",
            "kernel_size": "positive integer",
            "num_bases": "positive integer",
        },
    )
    yield Door(
        "conditional.SlimmingGate",
        conditional.SlimmingGate,
        {"choices": 2, "reduced": 2},
        {"choices": "positive integer", "reduced": "positive integer"},
    )
    yield Door(
        "conditional.RoutedNormalization",
        conditional.RoutedNormalization,
        {},
        {"routes": "positive integer"},
    )
    yield Door(
        "conditional.GateTask",
        conditional.GateTask,
        lambda: {"model": dsnet()},
        {
            "model": "model",
            "complexity_weight": "non-negative",
            "guidance_weight": "non-negative",
            "hard_samples": "choice",
        },
    )


@functools.cache
def dsnet():
    return ke.DSNet("ds_mobilenet_cifar10", 3, window=(1, 2))


def main(names):
    totals = collections.Counter()
    print(f"{'public name':<44} {'clear':>5} {'raw':>5} {'wrong':>5}")
    details = []
    for door in doors():
        if names and door.name not in names:
            continue
        counts = collections.Counter()
        for argument, value, kind, error in door.results():
            counts[kind] += 1
            if kind != "clear":
                shown = " ".join(f"{argument}={value!r}".split())[:60]
                details.append(
                    f"{kind:<6} {door.name}({shown}) {error[:150]!r}"
                )
        totals += counts
        print(
            f"{door.name:<44} {counts['clear']:>5} {counts['raw']:>5} "
            f"{counts['wrong']:>5}",
            flush=True,
        )
    print("\n".join(details))
    every = sum(totals.values())
    print(f"{every} calls: {dict(totals)}, {totals['clear'] / every:.1%} clear")


if __name__ == "__main__":
    main(sys.argv[1:])

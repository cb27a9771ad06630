"""Doors of `keras_elastic.conditional`."""

import numpy as np

import keras_elastic as ke
from keras_elastic import conditional
from keras_elastic import families
from wrong_calls.door import NAN
from wrong_calls.door import SIZE
from wrong_calls.door import Door
from wrong_calls.values import child
from wrong_calls.values import dsnet


def doors():
    yield from _cascades()
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


def _cascades():
    def two():
        return [child(), child()]

    yield Door(
        "conditional.Cascade",
        conditional.Cascade,
        lambda: {"children": two(), "threshold": 0.5},
        {
            "children": "strings",
            "threshold": "fraction",
            "temperatures": "integers?",
            "flops": "integers?",
            "name": "string",
        },
        more={
            "children": ([], [child()], ["a", "b"]),
            "temperatures": ([1], [1, 0], [1, NAN]),
            "flops": ([1], [1, -1]),
        },
        # Numbers, not integers alone.
        but={"temperatures": ([2.5],), "flops": ([2.5],)},
    )
    held_out = (np.zeros((200, SIZE, SIZE, 3)), np.arange(200) % 10)
    yield Door(
        "cascade",
        ke.cascade,
        {"name_or_folder": "bignas_digits", "held_out": held_out, "flops": 5e5},
        {
            "name_or_folder": "entry",
            "held_out": "object",
            "flops": "positive",
            "probability": "fraction",
            "most_networks": "positive integer",
        },
        but={"flops": (None,)},
        more={
            "flops": (1, 1e12),
            "probability": (0, 1),
            "most_networks": (1, 4),
        },
    )
    yield Door(
        "cascade (points)",
        ke.cascade,
        {"name_or_folder": "bignas_digits", "held_out": held_out, "points": 5},
        {"points": "positive"},
        but={"points": (None,)},
        more={"points": (100, 0.001)},
    )

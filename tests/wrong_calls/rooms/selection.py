"""Doors of `keras_elastic.selection`."""

import dataclasses

import numpy as np

from keras_elastic import selection
from wrong_calls.door import Anything
from wrong_calls.door import Door
from wrong_calls.values import child
from wrong_calls.values import family
from wrong_calls.values import folder
from wrong_calls.values import front
from wrong_calls.values import images
from wrong_calls.values import method
from wrong_calls.values import plan
from wrong_calls.values import smallest
from wrong_calls.values import supernet
from wrong_calls.values import written_front


def doors():
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

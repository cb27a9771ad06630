"""Doors of `keras_elastic.export`."""

import keras_elastic as ke
from wrong_calls.door import Door
from wrong_calls.values import child
from wrong_calls.values import images
from wrong_calls.values import new_folder
from wrong_calls.values import smallest
from wrong_calls.values import statistics
from wrong_calls.values import supernet


def doors():
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
            "share_weights": "boolean",
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

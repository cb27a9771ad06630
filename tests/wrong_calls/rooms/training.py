"""Doors of `keras_elastic.training`."""

import math

import keras

from keras_elastic import training
from wrong_calls.door import Anything
from wrong_calls.door import Door
from wrong_calls.values import child
from wrong_calls.values import fit
from wrong_calls.values import images
from wrong_calls.values import method
from wrong_calls.values import smallest
from wrong_calls.values import supernet


def doors():
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
        "training.FineTuningRecipe.measure",
        method(lambda: training.FineTuningRecipe((stage(),)), "measure"),
        lambda: {"model": child(), "images": images()},
        {"model": "model"},
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
                "temperature": "positive",
            },
            but={"divergence": (Anything,)},
        )
    samplers = {
        "num_random": "count",
        "space": "space?",
        "archs": "integers?",
    }
    both = {"mutual": "boolean", "same_resolution": "boolean"}
    both["apart"] = "boolean"
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

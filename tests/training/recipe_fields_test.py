import math

import numpy as np
import pytest

from keras_elastic.conditional import BasisNetRecipe
from keras_elastic.conditional import DSNetRecipe
from keras_elastic.training import Recipe

NEEDED = {
    "name": "mine",
    "dataset": "digits",
    "patch_size": 8,
    "batch_size": 8,
    "epochs": 1,
    "learning_rate": 0.1,
}
MAKE = {
    "supernet": lambda **changes: Recipe(
        **{**NEEDED, "family": "bignas_digits", "budgets": (1e6,), **changes}
    ),
    "basisnet": lambda **changes: BasisNetRecipe(**{**NEEDED, **changes}),
    "dsnet": lambda **changes: DSNetRecipe(
        **{**NEEDED, "family": "bignas_digits", "budgets": (1e6,), **changes}
    ),
}
WRONG = [
    ("supernet", "epochs", "3"),
    ("supernet", "epochs", 1.5),
    ("supernet", "epochs", None),
    ("supernet", "epochs", True),
    ("supernet", "learning_rate", math.nan),
    ("supernet", "learning_rate", "0.1"),
    ("supernet", "ema_momentum", math.nan),
    ("supernet", "ema_momentum", 1.5),
    ("supernet", "warmup_epochs", math.inf),
    ("supernet", "weight_decay", -1.0),
    ("supernet", "budgets", (1e6, math.nan)),
    ("supernet", "budgets", None),
    ("supernet", "budgets", "1e6"),
    ("supernet", "upscale", 1),
    ("supernet", "teacher", 3),
    ("supernet", "mutants", -1),
    ("supernet", "band", 2.0),
    ("supernet", "selection_images", 0),
    ("supernet", "num_candidates", 0),
    ("supernet", "phases", "one"),
    ("supernet", "phases", ({"name": "one", "learning_rate": math.nan},)),
    ("supernet", "family_changes", {"dropout": math.nan}),
    ("supernet", "keep_largest", {"depth": "1"}),
    ("supernet", "training_resolutions", (8, "10")),
    ("basisnet", "tolerance", -0.1),
    ("basisnet", "tolerance", math.nan),
    ("basisnet", "light_weight", -1.0),
    ("basisnet", "num_bases", "2"),
    ("basisnet", "budgets", (math.inf,)),
    ("dsnet", "windows", (1,)),
    ("dsnet", "gate_learning_rate", math.nan),
    ("dsnet", "complexity_weight", -0.5),
]


@pytest.mark.parametrize("kind, field, value", WRONG)
def test_a_wrong_field_is_named(kind, field, value):
    with pytest.raises(ValueError, match=f"`?{field}"):
        MAKE[kind](**{field: value})


@pytest.mark.parametrize("kind", MAKE)
def test_numbers_of_numpy_are_taken(kind):
    given = MAKE[kind](
        epochs=np.int64(3),
        learning_rate=np.float32(0.5),
        weight_decay=np.float64(0.25),
        budgets=[np.float32(1e6)],
    )
    plain = MAKE[kind](
        epochs=3, learning_rate=0.5, weight_decay=0.25, budgets=(1e6,)
    )
    assert given == plain
    assert given.to_json() == plain.to_json()


@pytest.mark.parametrize("kind", MAKE)
def test_a_whole_number_is_a_number(kind):
    assert MAKE[kind](warmup_epochs=1, learning_rate=1).warmup_epochs == 1

"""Runs so small that they train in seconds, for benchmarks that break them."""

SUPERNET = """
from keras_elastic.families.efficientnet import Stage
from keras_elastic.training import Recipe

recipe = Recipe(
    name="small",
    family="bignas_digits",
    family_changes={
        "resolution": (8, 10),
        "stages": (
            Stage((12, 16), (1,), expand_ratio=(1,)),
            Stage((16, 24), (1, 2), (3, 5), (4,), strides=2),
        ),
    },
    dataset="digits",
    augmentation="shift",
    patch_size=8,
    upscale=True,
    batch_size=64,
    epochs=9,
    learning_rate=0.03,
    budgets=(130e3, 250e3),
)
"""
BASISNET = """
from keras_elastic.conditional import BasisNetRecipe

STAGES = (
    {"width": (12,), "depth": (1,), "expand_ratio": (1,)},
    {"width": (16,), "depth": (2,), "expand_ratio": (4,), "strides": 2},
)
LIGHT, SPECIALIST = (
    {
        "family": "bignas_digits",
        "changes": {"resolution": (size,), "stages": STAGES},
    }
    for size in (8, 12)
)
recipe = BasisNetRecipe(
    name="small_basisnet",
    network="plans",
    light=LIGHT,
    specialist=SPECIALIST,
    num_bases=2,
    first_basis_block=2,
    last_basis_block=3,
    dataset="digits",
    patch_size=8,
    batch_size=64,
    epochs=3,
    learning_rate=0.01,
)
"""
CONDCONV = """
from keras_elastic.conditional import CondConvRecipe

recipe = CondConvRecipe(
    name="small_condconv",
    resolution=16,
    width=35,
    num_bases=2,
    first_basis_block=15,
    dataset="digits",
    patch_size=8,
    batch_size=64,
    epochs=3,
    learning_rate=0.01,
)
"""
DSNET = """
from keras_elastic.conditional import DSNetRecipe
from keras_elastic.conditional.dsnet.families import Row

recipe = DSNetRecipe(
    name="small_dsnet",
    family="ds_mobilenet_cifar10",
    family_changes={
        "resolution": (16,),
        "paths": 3,
        "stages": (
            Row(24, 0, 32, strides=2),
            Row(24, 12, 64, depth=2, strides=2),
        ),
    },
    dataset="digits",
    patch_size=8,
    upscale=True,
    objective="ensemble_bootstrapping",
    ema_momentum=0.9,
    batch_size=64,
    epochs=3,
    learning_rate=0.01,
    budgets=(2e6,),
    windows=("S", "L"),
)
"""
RECIPES = {
    "supernet": SUPERNET,
    "basisnet": BASISNET,
    "condconv": CONDCONV,
    "dsnet": DSNET,
}


def write_recipe(kind, folder):
    """Writes the recipe of a kind; returns the flags that train it."""
    path = folder / f"{kind}.py"
    path.write_text(RECIPES[kind])
    return [f"--recipe={path}", "--smoke", "--limit=640"]

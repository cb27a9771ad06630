"""Models that look at an image before they decide how to compute.

A BasisNet mixes the kernels of its second stage for each image; a dynamic
slimmable network (DS-Net) chooses a width. What the rest of the package must
know of them, they register here.
"""

import importlib

from keras_elastic import families
from keras_elastic import lazy
from keras_elastic import models
from keras_elastic import registration
from keras_elastic.conditional.dsnet import families as dsnet_families
from keras_elastic.training import training_recipe

_LAYERS_AND_MODELS = {
    "basisnet.condconv": ["CondConvNet"],
    "basisnet.conv2d": ["BasisConv2D", "BasisDepthwiseConv2D"],
    "basisnet.layers": ["BasisExit", "BasisPreview"],
    "basisnet.model": ["BasisNet"],
    "dsnet.layers": ["RoutedNormalization", "SlimmingGate"],
    "dsnet.model": ["DSNet"],
}
_RECIPES = {"basisnet": "BasisNetRecipe", "dsnet": "DSNetRecipe"}
_BUILT = (
    "basisnet_mobilenet_v2",
    "basisnet_mobilenet_v3",
    "condconv_efficientnet_b0",
)

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        **_LAYERS_AND_MODELS,
        "basisnet.children": ["basisnet_from_supernet", "extract_specialist"],
        "basisnet.coefficients": ["CoefficientTable", "measure_coefficients"],
        "basisnet.costs": ["BasisNetCosts", "basisnet_costs", "condconv_costs"],
        "basisnet.early_exit": [
            "EarlyExitCurve",
            "ExitRow",
            "measure_early_exit",
        ],
        "basisnet.pair": ["BasisNetPair", "select_pair"],
        "basisnet.plots": ["plot_coefficients", "plot_early_exit"],
        "basisnet.recipe": ["BasisNetRecipe"],
        "basisnet.run": ["BasisNetTraining"],
        "basisnet.task": ["BasisNetTask"],
        "dsnet.recipe": ["DSNetRecipe"],
        "dsnet.report": ["DSNetReport", "dsnet_report"],
        "dsnet.run": ["DSNetTraining"],
        "dsnet.task": ["GateTask"],
    },
)


def _build_variant(name, classes, **options):
    variants = importlib.import_module(f"{__name__}.basisnet.variants")
    return variants.variant(name, **options).build(classes, name)


registration.register_late(__name__, _LAYERS_AND_MODELS)
for _family in dsnet_families.FAMILIES:
    families.register(_family)
for _name in _BUILT:
    models.register_builder(_name, _build_variant)
for _kind, _class in _RECIPES.items():
    training_recipe.register_kind(_kind, f"{__name__}.{_kind}.recipe", _class)

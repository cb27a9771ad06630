"""Models that look at an image before they decide how to compute.

A BasisNet mixes the kernels of its second stage for each image; a dynamic
slimmable network (DS-Net) chooses a width; a cascade asks a larger network
only where a small one is unsure. What the rest of the package must know of
them, they register here.
"""

from keras_elastic import families
from keras_elastic import lazy
from keras_elastic import registration
from keras_elastic.conditional.dsnet import families as dsnet_families

_LAYERS_AND_MODELS = {
    "basisnet.condconv": ["CondConvNet"],
    "basisnet.conv2d": ["BasisConv2D", "BasisDepthwiseConv2D"],
    "basisnet.layers": ["BasisExit", "BasisPreview"],
    "basisnet.model": ["BasisNet"],
    "cascades.model": ["Cascade"],
    "dsnet.layers": ["RoutedNormalization", "SlimmingGate"],
    "dsnet.model": ["DSNet"],
}
_BUILT = (
    "basisnet_mobilenet_v2",
    "basisnet_mobilenet_v3",
    "condconv_efficientnet_b0",
    "condconv_mobilenet_v3_large",
)

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        **_LAYERS_AND_MODELS,
        "basisnet.children": ["basisnet_from_supernet", "extract_specialist"],
        "basisnet.coefficients": ["CoefficientTable", "measure_coefficients"],
        "basisnet.condconv_recipe": ["CondConvRecipe"],
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
        "cascades.choosing": ["CascadeReport", "cascade"],
        "cascades.curve": ["CascadeCurve", "CascadeRow"],
        "cascades.plots": ["plot_cascade"],
        "dsnet.recipe": ["DSNetRecipe"],
        "dsnet.report": ["DSNetReport", "dsnet_report"],
        "dsnet.run": ["DSNetTraining"],
        "dsnet.task": ["GateTask"],
    },
)


registration.register_late(__name__, _LAYERS_AND_MODELS)
registration.RECIPES["basisnet"] = (
    f"{__name__}.basisnet.recipe",
    "BasisNetRecipe",
)
registration.RECIPES["condconv"] = (
    f"{__name__}.basisnet.condconv_recipe",
    "CondConvRecipe",
)
registration.RECIPES["dsnet"] = (f"{__name__}.dsnet.recipe", "DSNetRecipe")
for _kind in ("basisnet", "dsnet", "cascade"):
    registration.ENTRIES[_kind] = (f"{__name__}.entry", "ConditionalEntry")
for _name in _BUILT:
    registration.BUILDERS[_name] = (
        f"{__name__}.basisnet.variants",
        "build_variant",
    )
for _family in dsnet_families.FAMILIES:
    families.register(_family)

"""Models that look at an image before they decide how to compute.

A BasisNet mixes the kernels of its second stage for each image; a dynamic
slimmable network (DS-Net) chooses a width; a cascade asks a larger network
only where a small one is unsure. What the rest of the package must know of
them, they register here.
"""

import typing

from keras_elastic import families
from keras_elastic import lazy
from keras_elastic import registration
from keras_elastic.conditional.dsnet import families as dsnet_families

if typing.TYPE_CHECKING:
    from keras_elastic.conditional.basisnet.children import (
        basisnet_from_supernet as basisnet_from_supernet,
    )
    from keras_elastic.conditional.basisnet.children import (
        extract_specialist as extract_specialist,
    )
    from keras_elastic.conditional.basisnet.coefficients import (
        CoefficientTable as CoefficientTable,
    )
    from keras_elastic.conditional.basisnet.coefficients import (
        measure_coefficients as measure_coefficients,
    )
    from keras_elastic.conditional.basisnet.condconv import (
        CondConvNet as CondConvNet,
    )
    from keras_elastic.conditional.basisnet.condconv_recipe import (
        CondConvRecipe as CondConvRecipe,
    )
    from keras_elastic.conditional.basisnet.conv2d import (
        BasisConv2D as BasisConv2D,
    )
    from keras_elastic.conditional.basisnet.conv2d import (
        BasisDepthwiseConv2D as BasisDepthwiseConv2D,
    )
    from keras_elastic.conditional.basisnet.costs import (
        BasisNetCosts as BasisNetCosts,
    )
    from keras_elastic.conditional.basisnet.costs import (
        basisnet_costs as basisnet_costs,
    )
    from keras_elastic.conditional.basisnet.costs import (
        condconv_costs as condconv_costs,
    )
    from keras_elastic.conditional.basisnet.early_exit import (
        EarlyExitCurve as EarlyExitCurve,
    )
    from keras_elastic.conditional.basisnet.early_exit import ExitRow as ExitRow
    from keras_elastic.conditional.basisnet.early_exit import (
        measure_early_exit as measure_early_exit,
    )
    from keras_elastic.conditional.basisnet.layers import BasisExit as BasisExit
    from keras_elastic.conditional.basisnet.layers import (
        BasisPreview as BasisPreview,
    )
    from keras_elastic.conditional.basisnet.model import BasisNet as BasisNet
    from keras_elastic.conditional.basisnet.pair import (
        BasisNetPair as BasisNetPair,
    )
    from keras_elastic.conditional.basisnet.pair import (
        select_pair as select_pair,
    )
    from keras_elastic.conditional.basisnet.plots import (
        plot_coefficients as plot_coefficients,
    )
    from keras_elastic.conditional.basisnet.plots import (
        plot_early_exit as plot_early_exit,
    )
    from keras_elastic.conditional.basisnet.recipe import (
        BasisNetRecipe as BasisNetRecipe,
    )
    from keras_elastic.conditional.basisnet.run import (
        BasisNetTraining as BasisNetTraining,
    )
    from keras_elastic.conditional.basisnet.task import (
        BasisNetTask as BasisNetTask,
    )
    from keras_elastic.conditional.cascades.choosing import (
        CascadeReport as CascadeReport,
    )
    from keras_elastic.conditional.cascades.choosing import cascade as cascade
    from keras_elastic.conditional.cascades.curve import (
        CascadeCurve as CascadeCurve,
    )
    from keras_elastic.conditional.cascades.curve import (
        CascadeRow as CascadeRow,
    )
    from keras_elastic.conditional.cascades.model import Cascade as Cascade
    from keras_elastic.conditional.cascades.plots import (
        plot_cascade as plot_cascade,
    )
    from keras_elastic.conditional.dsnet.layers import (
        RoutedNormalization as RoutedNormalization,
    )
    from keras_elastic.conditional.dsnet.layers import (
        SlimmingGate as SlimmingGate,
    )
    from keras_elastic.conditional.dsnet.model import DSNet as DSNet
    from keras_elastic.conditional.dsnet.recipe import (
        DSNetRecipe as DSNetRecipe,
    )
    from keras_elastic.conditional.dsnet.report import (
        DSNetReport as DSNetReport,
    )
    from keras_elastic.conditional.dsnet.report import (
        dsnet_report as dsnet_report,
    )
    from keras_elastic.conditional.dsnet.run import (
        DSNetTraining as DSNetTraining,
    )
    from keras_elastic.conditional.dsnet.task import GateTask as GateTask

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

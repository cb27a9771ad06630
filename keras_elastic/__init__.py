"""Once-for-all supernets for TensorFlow and Keras.

Train one supernet; then take from it the best image classifier for any budget
of multiply-adds, parameters or memory, as a stock `keras.Model`.
"""

import typing as _typing

# What these register is found by name, and imported when it is used: Keras
# loads only what is registered.
from keras_elastic import conditional as _conditional  # noqa: F401
from keras_elastic import detection as _detection  # noqa: F401
from keras_elastic import layers as _layers  # noqa: F401
from keras_elastic import lazy as _lazy
from keras_elastic import models as _models  # noqa: F401
from keras_elastic import training as _training  # noqa: F401

if _typing.TYPE_CHECKING:
    # What is imported late, for type checkers. A test compares.
    from keras_elastic import conditional as conditional
    from keras_elastic import data as data
    from keras_elastic import detection as detection
    from keras_elastic import evaluation as evaluation
    from keras_elastic import export as export
    from keras_elastic import families as families
    from keras_elastic import layers as layers
    from keras_elastic import models as models
    from keras_elastic import selection as selection
    from keras_elastic import spaces as spaces
    from keras_elastic import training as training
    from keras_elastic import zoo as zoo
    from keras_elastic.calibration import SubnetCalibrator as SubnetCalibrator
    from keras_elastic.calibration import calibrate as calibrate
    from keras_elastic.calibration import is_calibrated as is_calibrated
    from keras_elastic.conditional import BasisNet as BasisNet
    from keras_elastic.conditional import DSNet as DSNet
    from keras_elastic.conditional import cascade as cascade
    from keras_elastic.models import Supernet as Supernet
    from keras_elastic.models import build as build
    from keras_elastic.models import decode_predictions as decode_predictions
    from keras_elastic.models import elastic as elastic
    from keras_elastic.models import feature_pyramid as feature_pyramid
    from keras_elastic.models import sort_channels as sort_channels
    from keras_elastic.spaces import Architecture as Architecture
    from keras_elastic.spaces import SearchSpace as SearchSpace
    from keras_elastic.training import finetune_recipe as finetune_recipe
    from keras_elastic.zoo import list_models as list_models
    from keras_elastic.zoo import load as load
    from keras_elastic.zoo import load_supernet as load_supernet
    from keras_elastic.zoo import save_preset as save_preset
    from keras_elastic.zoo import select as select

__version__ = "0.1.0"

# Public names are imported when they are first used: some need TensorFlow.
__getattr__, __dir__, __all__ = _lazy.attach(
    __name__,
    {
        "calibration": ["SubnetCalibrator", "calibrate", "is_calibrated"],
        "conditional": ["BasisNet", "DSNet", "cascade"],
        "models": [
            "Supernet",
            "build",
            "decode_predictions",
            "elastic",
            "feature_pyramid",
            "sort_channels",
        ],
        "spaces": ["Architecture", "SearchSpace"],
        "training": ["finetune_recipe"],
        "zoo": [
            "list_models",
            "load",
            "load_supernet",
            "save_preset",
            "select",
        ],
    },
    modules=[
        "conditional",
        "data",
        "detection",
        "evaluation",
        "export",
        "families",
        "layers",
        "models",
        "selection",
        "spaces",
        "training",
        "zoo",
    ],
)

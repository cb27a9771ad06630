"""Once-for-all supernets for TensorFlow and Keras.

Train one supernet; then take from it the best image classifier for any budget
of multiply-adds, parameters or memory, as a stock `keras.Model`.
"""

# What these register is found by name, and imported when it is used: Keras
# loads only what is registered.
from keras_elastic import conditional as _conditional  # noqa: F401
from keras_elastic import detection as _detection  # noqa: F401
from keras_elastic import layers as _layers  # noqa: F401
from keras_elastic import lazy as _lazy
from keras_elastic import models as _models  # noqa: F401
from keras_elastic import training as _training  # noqa: F401

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

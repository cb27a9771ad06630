"""Once-for-all supernets for TensorFlow and Keras.

Train one supernet; then take from it the best image classifier for any budget
of multiply-adds, parameters or memory, as a stock `keras.Model`.
"""

# Keras loads only what is registered. So the parts that register layers, models
# or schedules are imported at once; they need Keras alone.
from keras_elastic import families as families
from keras_elastic import layers as layers
from keras_elastic import lazy as lazy
from keras_elastic import spaces as spaces
from keras_elastic import training as training
from keras_elastic.models import BasisNet as BasisNet
from keras_elastic.models import DSNet as DSNet
from keras_elastic.models import Supernet as Supernet
from keras_elastic.models import build as build
from keras_elastic.models import decode_predictions as decode_predictions
from keras_elastic.models import elastic as elastic
from keras_elastic.models import feature_pyramid as feature_pyramid
from keras_elastic.models import sort_channels as sort_channels
from keras_elastic.spaces import Architecture as Architecture
from keras_elastic.spaces import SearchSpace as SearchSpace

__version__ = "0.1.0"

# The others may need TensorFlow, and are imported when they are first used.
__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "calibration": ["SubnetCalibrator", "calibrate", "is_calibrated"],
        "training": ["finetune_recipe"],
        "zoo": [
            "list_models",
            "load",
            "load_supernet",
            "save_preset",
            "select",
        ],
    },
    modules=["data", "export", "selection", "zoo"],
)

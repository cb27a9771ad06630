"""Once-for-all supernets for TensorFlow and Keras.

Train one supernet; then take from it the best image classifier for any budget
of multiply-adds, parameters or memory, as a stock `keras.Model`.
"""

from keras_elastic import data as data
from keras_elastic import export as export
from keras_elastic import families as families
from keras_elastic import layers as layers
from keras_elastic import selection as selection
from keras_elastic import spaces as spaces
from keras_elastic import training as training
from keras_elastic.calibration import SubnetCalibrator as SubnetCalibrator
from keras_elastic.calibration import calibrate as calibrate
from keras_elastic.calibration import is_calibrated as is_calibrated
from keras_elastic.models import Supernet as Supernet
from keras_elastic.models import build as build
from keras_elastic.models import sort_channels as sort_channels
from keras_elastic.spaces import Architecture as Architecture
from keras_elastic.spaces import SearchSpace as SearchSpace
from keras_elastic.zoo import list_models as list_models
from keras_elastic.zoo import load as load
from keras_elastic.zoo import load_supernet as load_supernet
from keras_elastic.zoo import select as select

__version__ = "0.1.0"

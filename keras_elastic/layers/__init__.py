"""Elastic layers: stock layers that can run with a part of their weights."""

from keras_elastic.layers.basis_conv2d import BasisConv2D as BasisConv2D
from keras_elastic.layers.basis_depthwise_conv2d import (
    BasisDepthwiseConv2D as BasisDepthwiseConv2D,
)
from keras_elastic.layers.basis_exit import BasisExit as BasisExit
from keras_elastic.layers.basis_preview import BasisPreview as BasisPreview
from keras_elastic.layers.elastic_batch_normalization import (
    ElasticBatchNormalization as ElasticBatchNormalization,
)
from keras_elastic.layers.elastic_conv2d import ElasticConv2D as ElasticConv2D
from keras_elastic.layers.elastic_dense import ElasticDense as ElasticDense
from keras_elastic.layers.elastic_depthwise_conv2d import (
    ElasticDepthwiseConv2D as ElasticDepthwiseConv2D,
)
from keras_elastic.layers.elastic_shortcut import (
    ElasticShortcut as ElasticShortcut,
)
from keras_elastic.layers.elastic_squeeze_excite import (
    ElasticSqueezeExcite as ElasticSqueezeExcite,
)
from keras_elastic.layers.routed_normalization import (
    RoutedNormalization as RoutedNormalization,
)
from keras_elastic.layers.slimming_gate import SlimmingGate as SlimmingGate

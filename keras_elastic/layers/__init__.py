"""Elastic layers: stock layers that can run with a part of their weights."""

from keras_elastic import lazy
from keras_elastic import registration

_NAMES = {
    "elastic_batch_normalization": ["ElasticBatchNormalization"],
    "elastic_conv2d": ["ElasticConv2D"],
    "elastic_dense": ["ElasticDense"],
    "elastic_depthwise_conv2d": ["ElasticDepthwiseConv2D"],
    "elastic_group_normalization": ["ElasticGroupNormalization"],
    "elastic_shortcut": ["ElasticShortcut"],
    "elastic_squeeze_excite": ["ElasticSqueezeExcite"],
}

__getattr__, __dir__, __all__ = lazy.attach(__name__, _NAMES)
registration.register_late(__name__, _NAMES)

"""Elastic layers: stock layers that can run with a part of their weights."""

import typing

from keras_elastic import lazy
from keras_elastic import registration

if typing.TYPE_CHECKING:
    from keras_elastic.layers.elastic_batch_normalization import (
        ElasticBatchNormalization as ElasticBatchNormalization,
    )
    from keras_elastic.layers.elastic_conv2d import (
        ElasticConv2D as ElasticConv2D,
    )
    from keras_elastic.layers.elastic_dense import ElasticDense as ElasticDense
    from keras_elastic.layers.elastic_depthwise_conv2d import (
        ElasticDepthwiseConv2D as ElasticDepthwiseConv2D,
    )
    from keras_elastic.layers.elastic_group_normalization import (
        ElasticGroupNormalization as ElasticGroupNormalization,
    )
    from keras_elastic.layers.elastic_shortcut import (
        ElasticShortcut as ElasticShortcut,
    )
    from keras_elastic.layers.elastic_squeeze_excite import (
        ElasticSqueezeExcite as ElasticSqueezeExcite,
    )

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

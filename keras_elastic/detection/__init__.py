"""Object detectors on a child, and on a supernet at any architecture.

The detector is keras-hub's RetinaNet, which the extra `detection` brings.
"""

import typing

from keras_elastic import lazy
from keras_elastic import registration

if typing.TYPE_CHECKING:
    from keras_elastic.detection.datasets import DetectionSet as DetectionSet
    from keras_elastic.detection.datasets import (
        detection_batches as detection_batches,
    )
    from keras_elastic.detection.datasets import load_dataset as load_dataset
    from keras_elastic.detection.elastic import (
        ElasticDetector as ElasticDetector,
    )
    from keras_elastic.detection.elastic import train_mutually as train_mutually
    from keras_elastic.detection.evaluating import (
        mean_average_precision as mean_average_precision,
    )
    from keras_elastic.detection.pasting import pasted_objects as pasted_objects
    from keras_elastic.detection.retinanet import retinanet as retinanet
    from keras_elastic.detection.serving import saved_model as saved_model

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "datasets": ["DetectionSet", "detection_batches", "load_dataset"],
        "elastic": ["ElasticDetector", "train_mutually"],
        "evaluating": ["mean_average_precision"],
        "pasting": ["pasted_objects"],
        "retinanet": ["retinanet"],
        "serving": ["saved_model"],
    },
)
registration.register_late(
    __name__,
    {"decoding": ["BoxDecoder"], "encoder": ["ImageEncoder"]},
)

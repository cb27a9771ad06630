"""What a dynamic slimmable network spends on images."""

import statistics
import time
from typing import TYPE_CHECKING
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_elastic import checks

if TYPE_CHECKING:
    from keras_elastic.conditional.dsnet.model import DSNet

# Single images that are timed, after one that is not.
TIMED = 20


class DSNetReport(NamedTuple):
    """What images cost a `DSNet`.

    `flops`: their average multiply-adds. `histogram`: for each gate a
    dictionary from its widths to the number of images that chose it.
    `milliseconds`: median time of one image, as `Model.predict_on_batch` takes
    it.
    """

    flops: float
    histogram: tuple
    milliseconds: float

    def __str__(self):
        lines = [
            f"average flops  {self.flops / 1e6:.1f} M multiply-adds",
            f"one image      {self.milliseconds:.2f} ms",
        ]
        for number, counts in enumerate(self.histogram, start=1):
            images = max(sum(counts.values()), 1)
            lines.append(f"gate {number}: width, images")
            for width, count in counts.items():
                lines.append(f"{width:>13}  {count} ({count / images:.0%})")
        return "\n".join(lines)


@checks.arguments(
    model=checks.having("gates", "parts", what="a `DSNet`"),
    images=checks.IMAGES,
    batch_size=checks.POSITIVE_INTEGER,
)
def dsnet_report(
    model: "DSNet", images: np.ndarray, batch_size: int = 64
) -> DSNetReport:
    """Says what images cost a model, and which widths they take.

    Args:
        model: `DSNet`.
        images: Array of shape (count, height, width, 3) of pixels in 0..255.
        batch_size: Integer.

    Returns:
        `DSNetReport`.

    Raises:
        ValueError: There are no images.

    Example:

    >>> model = keras_elastic.DSNet(
    ...     "ds_mobilenet_cifar10", classes=10, window=(1, 2)
    ... )
    >>> images = np.zeros((2, 32, 32, 3), "float32")
    >>> sum(dsnet_report(model, images).histogram[0].values())
    2
    """
    if not len(images):
        raise ValueError(
            "`images` must hold at least one image. Received: no images."
        )
    chosen = np.concatenate(
        [
            _choices(model, images[start : start + batch_size])
            for start in range(0, len(images), batch_size)
        ]
    )
    histogram = tuple(
        {
            width: int((chosen[:, place] == index).sum())
            for index, width in enumerate(gate.choices)
        }
        for place, gate in enumerate(model.gates)
    )
    flops = float(np.mean(flops_of(model, chosen)))
    return DSNetReport(flops, histogram, _time(model, images))


def flops_of(model, chosen):
    """Multiply-adds of images that chose widths.

    Args:
        model: `DSNet`.
        chosen: Integer array of shape (images, gates), indices of choices.

    Returns:
        Array of shape (images,).
    """
    flops, before = model.flops[0][0], 0
    for part, gate in enumerate(model.gates, start=1):
        route = before * len(gate.choices) + chosen[:, part - 1]
        flops = flops + np.asarray(model.flops[part])[route]
        before = chosen[:, part - 1]
    return flops


def _choices(model, images):
    return ops.convert_to_numpy(model.route(images)[1])


def _time(model, images):
    """Median of the times of single images, in milliseconds."""
    model.predict_on_batch(images[:1])
    times = []
    for number in range(TIMED):
        place = number % len(images)
        start = time.perf_counter()
        model.predict_on_batch(images[place : place + 1])
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)

"""How good a detector is."""

import contextlib
import io
from collections.abc import Iterable
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic import tracing
from keras_elastic.detection import decoding


@checks.arguments(
    detector=checks.having(
        "decode_predictions", "input_shape", what="a detector of keras-hub"
    ),
    batches=checks.ITERABLE,
    iou=checks.CROP | checks.NONE,
)
def mean_average_precision(
    detector: Any, batches: Iterable[Any], iou: float | None = 0.5
) -> float:
    """Measures the mean average precision, with COCO's own code.

    Args:
        detector: What `retinanet` returned, or loaded from a file.
        batches: Batches of `detection_batches`, not for training.
        iou: Float. How much a box must overlap the true one, as intersection
            over union; `None` for COCO's mean over 0.5, 0.55, ... 0.95.

    Returns:
        Float from 0 to 1: the mean over the classes of which there is an
        object.

    Raises:
        ValueError: There are no objects, or pycocotools is not installed.
    """
    coco, evaluation = _import_pycocotools()
    detect = tracing.traced(
        lambda images: decoding.detect(detector, images),
        ((None, *detector.input_shape[1:]), "float32"),
    )
    truths, found, images = [], [], 0
    for pixels, targets in batches:
        answers = {name: x.numpy() for name, x in detect(pixels).items()}
        for row in range(len(pixels)):
            images += 1
            labels = np.asarray(targets["labels"][row])
            boxes = np.asarray(targets["boxes"][row])[labels >= 0]
            truths += _annotations(images, boxes, labels[labels >= 0])
            count = answers["num_detections"][row]
            found += _annotations(
                images,
                answers["boxes"][row, :count],
                answers["labels"][row, :count],
                answers["confidence"][row, :count],
            )
    if not truths:
        raise ValueError(
            "`batches` must hold images with boxes. Received: "
            f"{images} images without any."
        )
    if not found:
        return 0.0
    # It prints its progress.
    with contextlib.redirect_stdout(io.StringIO()):
        known = _coco_set(coco, truths, images)
        run = evaluation(known, known.loadRes(found), "bbox")
        if iou is not None:
            run.params.iouThrs = np.array([iou])
        run.evaluate()
        run.accumulate()
    # Of (overlaps, recalls, classes, areas, most detections): boxes of all
    # areas, 100 of an image.
    precision = run.eval["precision"][:, :, :, 0, -1]
    return float(precision[precision > -1].mean())


def _annotations(image, boxes, labels, scores=None):
    """Boxes in COCO's form: left, top, width, height."""
    rows = []
    for place, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        top, left, bottom, right = map(float, box)
        sides = [left, top, right - left, bottom - top]
        row = {"image_id": image, "category_id": int(label), "bbox": sides}
        if scores is not None:
            row["score"] = float(scores[place])
        rows.append(row)
    return rows


def _coco_set(coco, truths, images):
    known = coco()
    known.dataset = {
        "info": {},
        "images": [{"id": number} for number in range(1, images + 1)],
        "categories": [
            {"id": label}
            for label in sorted({t["category_id"] for t in truths})
        ],
        "annotations": [
            {
                **truth,
                "id": number,
                "area": truth["bbox"][2] * truth["bbox"][3],
                "iscrowd": 0,
            }
            for number, truth in enumerate(truths, start=1)
        ],
    }
    known.createIndex()
    return known


def _import_pycocotools():
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise ValueError(
            "The mean average precision needs pycocotools, which cannot be "
            f"imported here: {error}. {checks.install('detection')}"
        ) from error
    return COCO, COCOeval

"""From the predictions of a detector to boxes, scores and classes."""

import keras
from keras import ops

from keras_elastic import checks


def detect(detector, images):
    """Runs a detector of keras-hub and decodes what it predicts.

    Args:
        detector: What `retinanet` returned.
        images: Tensor of pixels in 0..255, of the detector's size.

    Returns:
        What the detector's decoder returns; see `BoxDecoder`.
    """
    predictions = detector(images, training=False)
    return detector.decode_predictions(predictions, images)


@keras.saving.register_keras_serializable(package="keras_elastic")
class BoxDecoder(keras.layers.Layer):
    """Keeps the most certain boxes of each class that do not overlap.

    A `prediction_decoder` of keras-hub's detectors. Theirs suppresses a box
    for one of another class, and batches must have a known size, which a
    served model does not know. Needs the TensorFlow backend.

    Reference:
    - Focal Loss for Dense Object Detection (Lin et al., ICCV 2017), section
      4.1: scores above 0.05, 1,000 boxes (there of each level, here of all),
      suppression at an overlap of 0.5.

    Args:
        score_threshold: Float. Boxes of lower scores are left out.
        iou_threshold: Float. Of two boxes of a class that overlap more, as
            intersection over union, the less certain is left out.
        max_detections: Integer. Boxes of an image.
        num_candidates: Integer. The boxes of the highest scores, among which
            overlaps are looked for.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        box_prediction: Tensor of shape (batch, anchors, 4): top, left, bottom
            and right in pixels.
        class_prediction: Tensor of shape (batch, anchors, classes), logits.
        images: The images, of which the size is read.

    Returns:
        Dictionary of `"boxes"` (batch, max_detections, 4), as they came in,
        within the image; `"confidence"` and `"labels"` (batch,
        max_detections), the most certain first, 0 and -1 where there is none;
        and `"num_detections"` (batch,).
    """

    # What a detector asks of its decoder.
    bounding_box_format = "yxyx"

    def __init__(
        self,
        score_threshold=0.05,
        iou_threshold=0.5,
        max_detections=100,
        num_candidates=1000,
        **kwargs,
    ):
        super().__init__(**kwargs)
        checks.fraction(
            score_threshold=score_threshold, iou_threshold=iou_threshold
        )
        checks.positive_integer(
            max_detections=max_detections, num_candidates=num_candidates
        )
        self.score_threshold = score_threshold
        self.iou_threshold = iou_threshold
        self.max_detections = max_detections
        self.num_candidates = num_candidates
        self.built = True

    def call(self, box_prediction, class_prediction, images=None):
        import tensorflow as tf

        height, width = ops.shape(images)[1:3]
        size = ops.cast([height, width, height, width], "float32")
        boxes, scores = self._candidates(
            ops.cast(box_prediction, "float32"),
            ops.sigmoid(ops.cast(class_prediction, "float32")),
        )
        # It clips to 0..1.
        found = tf.image.combined_non_max_suppression(
            boxes[:, :, None] / size,
            scores,
            max_output_size_per_class=self.max_detections,
            max_total_size=self.max_detections,
            iou_threshold=self.iou_threshold,
            score_threshold=self.score_threshold,
        )
        places = ops.arange(self.max_detections)[None]
        is_found = places < found.valid_detections[:, None]
        labels = ops.cast(found.nmsed_classes, "int32")
        return {
            "boxes": found.nmsed_boxes * size,
            "confidence": found.nmsed_scores,
            "labels": ops.where(is_found, labels, -1),
            "num_detections": found.valid_detections,
        }

    def _candidates(self, boxes, scores):
        count = min(self.num_candidates, boxes.shape[1])
        _, places = ops.top_k(ops.max(scores, axis=-1), count)
        places = places[..., None]
        return (
            ops.take_along_axis(boxes, places, axis=1),
            ops.take_along_axis(scores, places, axis=1),
        )

    def get_config(self):
        return {
            **super().get_config(),
            "score_threshold": self.score_threshold,
            "iou_threshold": self.iou_threshold,
            "max_detections": self.max_detections,
            "num_candidates": self.num_candidates,
        }

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic import detection

TRUE = np.array([[0, 0, 10, 10], [20, 20, 40, 40], [10, 30, 30, 40]], "float32")
LABELS = np.array([0, 1, 1], "float32")


class Answers:
    """A detector that has always one answer."""

    input_shape = (None, 40, 40, 3)

    def __init__(self, boxes, labels, scores=None):
        count = len(boxes)
        self.answer = {
            "boxes": np.array(boxes, "float32").reshape(-1, 4),
            "labels": np.array(labels, "int32"),
            "confidence": np.ones(count, "float32"),
        }
        if scores is not None:
            self.answer["confidence"] = np.array(scores, "float32")
        self.count = count

    def __call__(self, images, training):
        return tf.shape(images)[0]

    def decode_predictions(self, number, images):
        repeated = {
            name: tf.repeat(tf.constant(value)[None], number, axis=0)
            for name, value in self.answer.items()
        }
        counts = tf.fill([number], self.count)
        return {**repeated, "num_detections": counts}


def batches(boxes=TRUE, labels=LABELS):
    """Two batches of one image and of two, with room for another box."""
    boxes = np.concatenate([boxes, -np.ones((1, 4))])
    labels = np.append(labels, -1)
    for count in (1, 2):
        yield (
            np.zeros((count, 40, 40, 3), "float32"),
            {"boxes": np.stack([boxes] * count), "labels": [labels] * count},
        )


def test_a_perfect_detector():
    score = detection.mean_average_precision(Answers(TRUE, LABELS), batches())
    assert score == pytest.approx(1)


def test_a_class_that_is_not_found_is_a_half():
    answers = Answers(TRUE[:1], LABELS[:1])
    assert detection.mean_average_precision(answers, batches()) == 0.5


def test_a_wrong_class_counts_for_nothing():
    answers = Answers(TRUE, 1 - LABELS)
    assert detection.mean_average_precision(answers, batches()) == 0


def test_a_certain_mistake_costs_more_than_an_unsure_one():
    boxes = [*TRUE, [0, 30, 5, 35]]
    sure, unsure = (
        detection.mean_average_precision(
            Answers(boxes, [*LABELS, 0], [0.5, 0.5, 0.5, score]), batches()
        )
        for score in (0.9, 0.1)
    )
    assert sure < unsure == pytest.approx(1)


def test_the_overlap_that_is_asked_for():
    # Four fifths of the true boxes.
    shorter = TRUE - np.array([0, 0, 0.2, 0]) * (TRUE[:, 2:3] - TRUE[:, :1])
    answers = Answers(shorter, LABELS)
    assert detection.mean_average_precision(answers, batches()) == 1
    assert detection.mean_average_precision(answers, batches(), iou=0.9) == 0
    # From 0.5 to 0.8 of the ten overlaps.
    score = detection.mean_average_precision(answers, batches(), iou=None)
    assert 0.55 < score < 0.75


def test_nothing_found_is_zero():
    answers = Answers([], [])
    assert detection.mean_average_precision(answers, batches()) == 0


def test_wrong_arguments_are_refused():
    answers = Answers(TRUE, LABELS)
    with pytest.raises(ValueError, match="`batches`"):
        detection.mean_average_precision(
            answers, batches(np.zeros((0, 4)), np.zeros(0))
        )
    with pytest.raises(ValueError, match="`iou`"):
        detection.mean_average_precision(answers, batches(), iou=1.5)
    with pytest.raises(ValueError, match="`detector`"):
        detection.mean_average_precision("bignas", batches())

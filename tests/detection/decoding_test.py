import numpy as np
import pytest

from keras_elastic.detection.decoding import BoxDecoder

IMAGES = np.zeros((1, 40, 80, 3), "float32")
# Two that overlap by half and more, one apart, one out of the image.
BOXES = [[0, 0, 20, 20], [0, 0, 20, 24], [20, 40, 40, 60], [30, 70, 50, 90]]


def decode(logits, **options):
    decoder = BoxDecoder(max_detections=5, **options)
    found = decoder(
        np.array([BOXES], "float32"), np.array([logits], "float32"), IMAGES
    )
    return {name: value.numpy()[0] for name, value in found.items()}


def test_the_more_certain_of_two_boxes_of_a_class_is_kept():
    found = decode([[2, -9], [3, -9], [-9, 1], [-9, -9]])
    assert found["num_detections"] == 2
    np.testing.assert_array_equal(found["labels"], [0, 1, -1, -1, -1])
    np.testing.assert_allclose(found["boxes"][:2], [BOXES[1], BOXES[2]])
    expected = 1 / (1 + np.exp([-3.0, -1.0]))
    np.testing.assert_allclose(found["confidence"][:2], expected, rtol=1e-5)
    np.testing.assert_array_equal(found["confidence"][2:], 0)


def test_boxes_of_two_classes_may_overlap():
    found = decode([[2, -9], [-9, 3], [-9, -9], [-9, -9]])
    np.testing.assert_array_equal(found["labels"][:2], [1, 0])


def test_boxes_end_where_the_image_does():
    found = decode([[-9, -9], [-9, -9], [-9, -9], [5, -9]])
    np.testing.assert_allclose(found["boxes"][0], [30, 70, 40, 80])


def test_the_options_are_followed():
    logits = [[2, -9], [3, -9], [-1, -9], [0, -9]]
    assert decode(logits, score_threshold=0.6)["num_detections"] == 1
    assert decode(logits, iou_threshold=0.9)["num_detections"] == 4
    assert decode(logits, num_candidates=1)["num_detections"] == 1


def test_a_decoder_comes_back_from_its_configuration():
    decoder = BoxDecoder(0.1, 0.2, 3, 4)
    config = decoder.get_config()
    assert BoxDecoder.from_config(config).get_config() == config
    assert config["num_candidates"] == 4


@pytest.mark.parametrize(
    "options",
    [{"score_threshold": 2}, {"iou_threshold": -1}, {"max_detections": 0}],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        BoxDecoder(**options)

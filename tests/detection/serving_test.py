import numpy as np
import pytest
import tensorflow as tf

from keras_elastic import detection


@pytest.mark.slow
def test_a_saved_model_returns_boxes(detector, tmp_path):
    # Boxes of an untrained detector are less certain than the threshold.
    bias = detector.classification_head.prediction_layer.bias
    before = bias.numpy()
    bias.assign(before * 0)
    names = ["cat", "dog", "owl"]
    path = detection.saved_model(detector, tmp_path, class_names=names)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), "uint8")
    expected = detector.predict(images.astype("float32"), verbose=0)
    bias.assign(before)

    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    found = serve(images=tf.constant(images))
    assert expected["num_detections"].min() > 0
    np.testing.assert_array_equal(found["count"], expected["num_detections"])
    np.testing.assert_array_equal(found["classes"], expected["labels"])
    np.testing.assert_allclose(
        found["scores"], expected["confidence"], atol=1e-4
    )
    np.testing.assert_allclose(
        found["boxes"] * [16, 24, 16, 24], expected["boxes"], atol=1e-2
    )
    # Images of another size are resized.
    larger = tf.constant(np.repeat(np.repeat(images, 2, 1), 3, 2))
    assert serve(images=larger)["boxes"].shape == (2, 100, 4)
    labels = (path / "assets.extra" / "labels.txt").read_text("utf-8")
    assert labels.split() == names
    with pytest.raises(ValueError, match="`version`"):
        detection.saved_model(detector, tmp_path)


@pytest.mark.slow
def test_what_cannot_be_written_is_refused(child, detector, tmp_path):
    with pytest.raises(ValueError, match="`detector`"):
        detection.saved_model(child, tmp_path / "served")
    with pytest.raises(ValueError, match="`class_names`"):
        detection.saved_model(detector, tmp_path / "served", class_names=["a"])
    assert not (tmp_path / "served").exists()

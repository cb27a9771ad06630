"""The warm-up requests are messages that TensorFlow Serving reads."""

import numpy as np
import prediction_logs
import tensorflow as tf
from google.protobuf.unknown_fields import UnknownFieldSet

from keras_elastic.export import warmup

RESOLUTION = 12


def test_one_request_for_each_signature(tmp_path):
    inputs = warmup.warmup_inputs(RESOLUTION)
    warmup.write_warmup(tmp_path, "gnü", inputs)
    seen = []
    for request in prediction_logs.requests(tmp_path / warmup.FILE):
        # All bytes were understood.
        assert not len(UnknownFieldSet(request))
        assert request.model_spec.name == "gnü"
        seen.append(request.model_spec.signature_name)
        np.testing.assert_array_equal(
            prediction_logs.images_of(request), inputs[seen[-1]]["images"]
        )
    assert seen == list(inputs)
    assert set(seen) == {"serving_default", "serve_tensors", "serve_bytes"}


def test_the_encoded_image_is_the_gray_one():
    inputs = warmup.warmup_inputs(RESOLUTION)
    [encoded] = inputs["serve_bytes"]["images"]
    np.testing.assert_array_equal(
        tf.io.decode_image(encoded)[tf.newaxis],
        inputs["serving_default"]["images"],
    )

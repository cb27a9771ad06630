"""The warm-up requests are messages that TensorFlow Serving reads."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from google.protobuf.unknown_fields import UnknownFieldSet
from tensorflow.core.framework import tensor_pb2

from keras_elastic.export import warmup

RESOLUTION = 12
LABELS = {"message": 11, "string": 9}

# What `tensorflow_serving/apis` says of the messages, as far as it is used.
MESSAGES = {
    "ModelSpec": [(1, "name", "string"), (3, "signature_name", "string")],
    "Input": [(1, "key", "string"), (2, "value", ".tensorflow.TensorProto")],
    "PredictRequest": [(1, "model_spec", "ModelSpec"), (2, "inputs", "Input")],
    "PredictLog": [(1, "request", "PredictRequest")],
    "PredictionLog": [(6, "predict_log", "PredictLog")],
}


@pytest.fixture(scope="module")
def prediction_log():
    """A class that reads `PredictionLog` messages."""
    file = descriptor_pb2.FileDescriptorProto(
        name="warmup_test.proto", package="warmup_test", syntax="proto3"
    )
    file.dependency.append(tensor_pb2.DESCRIPTOR.name)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, field, kind in fields:
            is_text = kind == "string"
            added = message.field.add(
                name=field,
                number=number,
                type=LABELS["string" if is_text else "message"],
                label=3 if field == "inputs" else 1,
            )
            if not is_text:
                local = f".warmup_test.{kind}"
                added.type_name = kind if kind[0] == "." else local
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName("warmup_test.PredictionLog")
    )


def test_one_request_for_each_signature(tmp_path, prediction_log):
    inputs = warmup.warmup_inputs(RESOLUTION)
    warmup.write_warmup(tmp_path, "gnü", inputs)
    records = tf.data.TFRecordDataset(str(tmp_path / warmup.FILE))
    seen = []
    for record in records.as_numpy_iterator():
        log = prediction_log.FromString(record)
        # All bytes were understood.
        assert not len(UnknownFieldSet(log.predict_log.request))
        request = log.predict_log.request
        assert request.model_spec.name == "gnü"
        seen.append(request.model_spec.signature_name)
        [entry] = request.inputs
        assert entry.key == "images"
        array = tf.make_ndarray(entry.value)
        np.testing.assert_array_equal(array, inputs[seen[-1]]["images"])
    assert seen == list(inputs)
    assert set(seen) == {"serving_default", "serve_tensors", "serve_bytes"}


def test_the_encoded_image_is_the_gray_one():
    inputs = warmup.warmup_inputs(RESOLUTION)
    [encoded] = inputs["serve_bytes"]["images"]
    np.testing.assert_array_equal(
        tf.io.decode_image(encoded)[tf.newaxis],
        inputs["serving_default"]["images"],
    )

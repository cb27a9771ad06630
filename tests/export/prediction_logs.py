"""Reads the messages of TensorFlow Serving, without its package."""

import functools

import tensorflow as tf
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from tensorflow.core.framework import tensor_pb2

LABELS = {"message": 11, "string": 9}

# What `tensorflow_serving/apis` says of the messages, as far as it is used.
MESSAGES = {
    "ModelSpec": [(1, "name", "string"), (3, "signature_name", "string")],
    "Input": [(1, "key", "string"), (2, "value", ".tensorflow.TensorProto")],
    "PredictRequest": [(1, "model_spec", "ModelSpec"), (2, "inputs", "Input")],
    "PredictLog": [(1, "request", "PredictRequest")],
    "PredictionLog": [(6, "predict_log", "PredictLog")],
}


@functools.cache
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


def requests(path):
    """The requests that a file of records holds."""
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        yield prediction_log().FromString(record).predict_log.request


def images_of(request):
    """The array that a request of one input has, by the name of images."""
    [entry] = request.inputs
    assert entry.key == "images"
    return tf.make_ndarray(entry.value)

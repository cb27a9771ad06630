"""Requests that TensorFlow Serving sends to a new version before users do."""

import pathlib

import numpy as np
import tensorflow as tf

# What the server looks for, in the folder `assets.extra` of a version.
FILE = "tf_serving_warmup_requests"

# Numbers of the fields in `tensorflow_serving/apis`: prediction_log.proto,
# predict.proto and model.proto; the last two are those of every map.
_PREDICT_LOG = 6
_REQUEST = 1
_MODEL_SPEC = 1
_INPUTS = 2
_NAME = 1
_SIGNATURE_NAME = 3
_KEY = 1
_VALUE = 2


def write_warmup(folder: pathlib.Path, name: str, inputs: dict) -> None:
    """Writes one request for each signature.

    The first request after a version was loaded would wait for TensorFlow to
    optimize the graph; so the server sends these first.

    Reference:
        [SavedModel Warmup](https://www.tensorflow.org/tfx/serving/saved_model_warmup).

    Args:
        folder: Path of the folder `assets.extra`.
        name: String, the name of the model.
        inputs: Dictionary from the names of signatures to dictionaries of
            arrays, by the names of arguments.
    """
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for signature, arrays in inputs.items():
            writer.write(_prediction_log(name, signature, arrays))


def warmup_inputs(resolution: int) -> dict:
    """One gray image for each signature of `saved_model`."""
    image = np.full((1, resolution, resolution, 3), 128, "uint8")
    encoded = tf.io.encode_png(image[0]).numpy()
    return {
        "serving_default": {"images": image},
        "serve_tensors": {"images": image.astype("float32")},
        "serve_bytes": {"images": np.array([encoded], object)},
    }


# The messages are small and their numbers never change, while the package
# that defines them, `tensorflow-serving-api`, is tied to one TensorFlow.


def _prediction_log(name, signature, arrays):
    model_spec = _text(_NAME, name) + _text(_SIGNATURE_NAME, signature)
    request = _field(_MODEL_SPEC, model_spec)
    for key, array in arrays.items():
        tensor = tf.make_tensor_proto(array).SerializeToString()
        entry = _text(_KEY, key) + _field(_VALUE, tensor)
        request += _field(_INPUTS, entry)
    return _field(_PREDICT_LOG, _field(_REQUEST, request))


def _text(number, value):
    return _field(number, value.encode())


def _field(number, content):
    """A field that holds bytes: its number and type, the length, the bytes."""
    length_delimited = 2
    tag = number << 3 | length_delimited
    return _varint(tag) + _varint(len(content)) + content


def _varint(value):
    """Seven bits a byte, the lowest first; a high bit says that more come."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(parts) + bytes([value])

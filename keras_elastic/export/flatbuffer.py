"""A child as a LiteRT flatbuffer, for phones and small computers."""

import functools
import pathlib
import tempfile
import warnings

import numpy as np
import tensorflow as tf
from keras import ops
from tensorflow.lite.python.convert_phase import ConverterError
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from keras_elastic import files
from keras_elastic.calibration import image_batches
from keras_elastic.export.child_checks import check_child
from keras_elastic.layers import kernels

SIGNATURE = "classify"
QUANTIZATIONS = (None, "float16", "dynamic", "int8")


def litert(
    model, path, quantization=None, calibration_images=None
) -> pathlib.Path:
    """Writes a child as a `.tflite` file, which LiteRT runs.

    The file has one signature, `classify`, of one image: input `images` of
    shape `(1, resolution, resolution, 3)`, pixel values 0..255; output
    `logits`, float32 of shape `(1, classes)`. How the weights are kept decides
    on size, speed and the type of the pixels (the graph around the weights
    keeps its size, which shows in small networks):

    | `quantization` | weights | computes in | pixels |
    |---|---|---|---|
    | `None` | float32 | float32 | float32 |
    | `"float16"` | float16 | float32 | float32 |
    | `"dynamic"` | int8 | int8 and float32 | float32 |
    | `"int8"` | int8 | int8 | uint8 |

    The normalisations are folded into the convolutions. Needs Keras's
    TensorFlow backend.

    Reference:
        [Post-training quantization](https://ai.google.dev/edge/litert/models/post_training_quantization).

    Args:
        model: A `keras.Model` with one input of shape
            `(None, resolution, resolution, 3)`, pixel values 0..255, and one
            output of shape `(None, classes)`, logits. Its BatchNormalization
            statistics must be calibrated.
        path: Path of the file, written whole or not at all. A file that
            exists is replaced.
        quantization: One of `None`, `"float16"`, `"dynamic"`, `"int8"`.
        calibration_images: For `"int8"`, which measures the range of every
            activation on them: array of shape (count, height, width, 3) with
            pixels in 0..255, or an iterable of such batches or of pairs
            (images, labels), resized to the model's resolution. A hundred
            training images are enough. `None` for the others.

    Returns:
        The path of the file.

    Raises:
        ValueError: If an argument is not as described above, if the model is
            not calibrated, or if it has operations that LiteRT lacks. Nothing
            is written then.

    Example:

    ```python
    model = keras_elastic.load("bignas_digits", flops=1e6)
    path = keras_elastic.export.litert(model, "digits.tflite")

    from ai_edge_litert.interpreter import Interpreter
    classify = Interpreter(str(path)).get_signature_runner("classify")
    logits = classify(images=images[:1].astype("float32"))["logits"]
    ```
    """
    resolution, _ = check_child(model)
    _check_quantization(quantization, calibration_images)
    path = _check_path(path)
    examples = None
    if quantization == "int8":
        examples = _examples(calibration_images, resolution)
    content = _convert(model, resolution, quantization, examples)
    with files.replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def _check_quantization(quantization, calibration_images):
    if quantization not in QUANTIZATIONS:
        raise ValueError(
            f"`quantization` must be one of {QUANTIZATIONS}. Received: "
            f"quantization={quantization!r}."
        )
    if (quantization == "int8") != (calibration_images is not None):
        given = "none" if calibration_images is None else "some"
        raise ValueError(
            "`calibration_images` must be given for quantization='int8', "
            "whose ranges are measured on them, and for no other. Received: "
            f"quantization={quantization!r} and {given}. Pass about a hundred "
            "training images, or leave them out."
        )


def _check_path(path):
    path = pathlib.Path(path)
    if path.suffix != ".tflite" or path.is_dir():
        raise ValueError(
            "`path` must be that of a file that ends in '.tflite'. Received: "
            f"path='{path}'. Pass such as '{path.with_suffix('.tflite')}'."
        )
    return path


def _examples(images, resolution):
    """Images one by one, as the model takes them."""
    examples = []
    for batch in image_batches(images):
        batch = ops.convert_to_tensor(batch, dtype="float32")
        if batch.shape[1:3] != (resolution, resolution):
            batch = kernels.resize(batch, resolution)
        examples.extend(np.split(np.array(batch), len(batch)))
    if not examples:
        raise ValueError(
            "`calibration_images` must hold at least one image. Received: no "
            "images. Pass about a hundred training images."
        )
    # One step of the quantised pixels is then one level of a uint8 image.
    examples[0][0, 0, 0], examples[0][0, -1, -1] = 0.0, 255.0
    return examples


def _convert(model, resolution, quantization, examples):
    with tempfile.TemporaryDirectory() as folder:
        _save_frozen(model, resolution, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[SIGNATURE]
        )
        _configure(converter, quantization, examples)
        with warnings.catch_warnings():
            # The calibrator within TensorFlow warns of being deprecated.
            warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is dep")
            try:
                return converter.convert()
            except ConverterError as error:
                raise ValueError(
                    "`model` must consist of operations that LiteRT has. "
                    f"Received: model={model.name!r}, of which LiteRT's "
                    f"converter says: {error}. Pass a child, such as "
                    "`keras_elastic.load` returns."
                ) from error


def _save_frozen(model, resolution, folder):
    """Saves a model with its variables as constants.

    With variables the flatbuffer would read them at run time, and neither fold
    the normalisations nor hold any weights.
    """
    shape = (1, resolution, resolution, 3)
    specification = tf.TensorSpec(shape, "float32", name="images")

    @functools.partial(tf.function, input_signature=[specification])
    def run(images):
        return tf.cast(model(images, training=False), "float32")

    frozen = convert_variables_to_constants_v2(run.get_concrete_function())

    @functools.partial(tf.function, input_signature=[specification])
    def classify(images):
        [logits] = frozen(images)
        return {"logits": logits}

    tf.saved_model.save(
        tf.Module(),
        folder,
        signatures={SIGNATURE: classify},
        # Those of activations would need the variables.
        options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
    )


def _configure(converter, quantization, examples):
    if quantization is None:
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantization == "int8":
        converter.representative_dataset = lambda: (
            (SIGNATURE, {"images": example}) for example in examples
        )
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        ]
        converter.inference_input_type = tf.uint8

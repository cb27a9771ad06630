"""A child as a LiteRT flatbuffer, for phones and small computers."""

import functools
import os
import pathlib
import tempfile
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops
from tensorflow.lite.python.convert_phase import ConverterError
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from keras_elastic import checks
from keras_elastic import files
from keras_elastic import scratch
from keras_elastic.calibration import image_batches
from keras_elastic.export import child_checks
from keras_elastic.export import precision
from keras_elastic.export.child_checks import check_child
from keras_elastic.export.stages import Stage
from keras_elastic.export.stages import examples_of
from keras_elastic.layers import kernels
from keras_elastic.models import preparation as preparations

SIGNATURE = "classify"
QUANTIZATIONS = (None, "float16", "dynamic", "int8")


@checks.arguments(
    path=checks.PATH, calibration_images=checks.IMAGES | checks.NONE
)
def litert(
    model: Any,
    path: str | os.PathLike[str],
    quantization: str | None = None,
    calibration_images: Iterable[Any] | None = None,
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

    The normalizations are folded into the convolutions. A child of half
    precision is written as its twin in float32, of the same weights. Needs
    Keras's TensorFlow backend.

    A model that decides image by image has a signature for each of its stages,
    all with float32 inputs, also in `"int8"`; the caller decides:

    - a `BasisNet`: `first`, from `images` to `logits`, `confidence`, the
      largest probability, and `coefficients`; and `second`, from `images` and
      `coefficients` to `logits`, for images whose confidence does not exceed
      `model.exit_threshold`.
    - a `DSNet`: `gate`, from `images` to `features`, `factors` and `width`,
      the index of the chosen width; and `width_0`, `width_1` and so on, from
      `features` and `factors` to `logits`.
    - a cascade: a file for each of its networks.

    Reference:
        [Post-training quantization](https://ai.google.dev/edge/litert/models/post_training_quantization).

    Args:
        model: A `keras.Model` with one input of shape
            `(None, resolution, resolution, 3)`, pixel values 0..255, and one
            output of shape `(None, classes)`, logits. Its BatchNormalization
            statistics must be calibrated. Or what `quantization_aware` made
            of it, for "int8".
        path: Path of the file, written whole or not at all. A file that
            exists is replaced.
        quantization: One of `None`, `"float16"`, `"dynamic"`, `"int8"`.
        calibration_images: For `"int8"`, which measures the range of every
            activation on them: array of shape (count, height, width, 3) with
            pixels in 0..255, or an iterable of such batches or of pairs
            (images, labels), cropped and resized to the model's resolution
            as where it is served. A hundred training images are enough. `None`
            for the others, and for a quantization-aware model, which has
            learned them.

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
    child_checks.check_finished(model)
    _check_one_network(model)
    resolution, _ = check_child(model, or_older=True)
    has_ranges = child_checks.wrapped_by(model) == "quantization_aware"
    _check_quantization(quantization, calibration_images, has_ranges)
    path = _check_path(path)
    examples = None
    if calibration_images is not None:
        examples = single_images(calibration_images, model)
    if not child_checks.is_older(model):
        model = precision.in_float32(model)
    stages = _stages_of(model, resolution, quantization == "int8")
    content = _convert(model.name, stages, quantization, examples)
    with files.replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def _check_one_network(model):
    if hasattr(model, "map_networks"):
        raise ValueError(
            "`model` must be one network: a phone asks the next one itself. "
            f"Received: model={model.name!r}, a cascade. Write a file for each "
            "of `model.networks`, and compare with `model.threshold` the "
            "largest softmax of its logits over its one of "
            "`model.temperatures`."
        )


def _check_quantization(quantization, calibration_images, has_ranges):
    checks.one_of(QUANTIZATIONS, quantization=quantization)
    if has_ranges:
        _check_has_no_images(quantization, calibration_images)
        return
    if (quantization == "int8") != (calibration_images is not None):
        given = "none" if calibration_images is None else "some"
        raise ValueError(
            "`calibration_images` must be given for quantization='int8', "
            "whose ranges are measured on them, and for no other. Received: "
            f"quantization={quantization!r} and {given}. Pass about a hundred "
            "training images, or leave them out."
        )


def _check_has_no_images(quantization, calibration_images):
    given = "none" if calibration_images is None else "some"
    if quantization != "int8" or given == "some":
        raise ValueError(
            "`quantization` of a quantization-aware model must be 'int8', for "
            "which it was trained, and `calibration_images` must be None: its "
            f"ranges are its own. Received: quantization={quantization!r} and "
            f"{given}."
        )


def _check_path(path) -> pathlib.Path:
    """Returns the path of a flatbuffer.

    Raises:
        ValueError: It is none.
    """
    path = files.as_path(path=path)
    if path.suffix != ".tflite" or path.is_dir():
        raise ValueError(
            "`path` must be that of a file that ends in '.tflite'. Received: "
            f"path='{path}'. Pass such as '{path.with_suffix('.tflite')}'."
        )
    try:
        files.try_writing(path.parent)
    except OSError as error:
        raise files.PathError(
            "`path` must lie in a folder that can be written into, or where "
            f"one can be made. Received: path='{path}' ({error.strerror}: "
            f"'{error.filename}'). Pass another path, or change permissions."
        ) from error
    return path


def single_images(images, model):
    """Returns images one by one, as a model takes them, to calibrate with."""
    resolution = model.input_shape[1]
    preparation = preparations.find(model)
    examples = []
    for batch in image_batches(images):
        batch = preparation.patches(batch, resolution)
        batch = ops.convert_to_tensor(batch, dtype="float32")
        if batch.shape[1:3] != (resolution, resolution):
            method = preparation.interpolation
            batch = kernels.resize(batch, resolution, method)
        examples.extend(np.split(np.array(batch), len(batch)))
    if not examples:
        raise ValueError(
            "`calibration_images` must hold at least one image. Received: no "
            "images. Pass about a hundred training images."
        )
    # One step of the quantized pixels is then one level of a uint8 image.
    examples[0][0, 0, 0], examples[0][0, -1, -1] = 0.0, 255.0
    return examples


def _stages_of(model, resolution, in_integers):
    """The stages of a model, one for a child."""
    if hasattr(model, "litert_stages"):
        return model.litert_stages(in_integers)

    def classify(images):
        return {"logits": tf.cast(model(images, training=False), "float32")}

    shape = (1, resolution, resolution, 3)
    return (Stage(SIGNATURE, classify, {"images": shape}),)


def _convert(name, stages, quantization, examples) -> bytes:
    """Returns the flatbuffer."""
    # In the system's folder, where a kill's leftovers are removed, too.
    with scratch.scratch_folder(tempfile.gettempdir()) as path:
        folder = str(path)
        tf.saved_model.save(
            tf.Module(),
            folder,
            signatures={stage.name: _frozen(stage) for stage in stages},
            # Those of activations would need the variables.
            options=tf.saved_model.SaveOptions(
                experimental_custom_gradients=False
            ),
        )
        converter = tf.lite.TFLiteConverter.from_saved_model(
            folder, signature_keys=[stage.name for stage in stages]
        )
        _configure(converter, quantization, stages, examples)
        with warnings.catch_warnings():
            # The calibrator within TensorFlow warns of being deprecated.
            warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is dep")
            try:
                return converter.convert()
            except ConverterError as error:
                raise ValueError(
                    "`model` must consist of operations that LiteRT has. "
                    f"Received: model={name!r}, of which LiteRT's "
                    f"converter says: {error}. Pass a child, such as "
                    "`keras_elastic.load` returns."
                ) from error


def _frozen(stage):
    """Returns a signature whose variables are constants.

    With variables the flatbuffer would read them at run time, and neither fold
    the normalizations nor hold any weights.
    """
    specification = [
        tf.TensorSpec(shape, "float32", name=name)
        for name, shape in stage.inputs.items()
    ]
    names = []

    @functools.partial(tf.function, input_signature=specification)
    def run(*tensors):
        outputs = stage.run(**dict(zip(stage.inputs, tensors, strict=True)))
        names[:] = outputs
        return list(outputs.values())

    constant = convert_variables_to_constants_v2(run.get_concrete_function())

    @functools.partial(tf.function, input_signature=specification)
    def signature(*tensors):
        return dict(zip(names, constant(*tensors), strict=True))

    return signature


def _configure(converter, quantization, stages, examples):
    if quantization is None:
        return
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if len(stages) > 1:
        # A kernel that is mixed is the output of a dense layer: a scale for
        # each of its numbers would take more room than the bases.
        disable = "_experimental_disable_per_channel_quantization_for_dense"
        setattr(converter, f"{disable}_layers", True)
    elif quantization == "int8":
        converter.inference_input_type = tf.uint8
    # A quantization-aware model has ranges, and the converter wants no others.
    if examples is not None:
        converter.representative_dataset = lambda: examples_of(stages, examples)
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.TFLITE_BUILTINS_INT8
        ]

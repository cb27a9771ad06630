"""A child for other runtimes: ONNX and OpenVINO, by Keras's own export."""

import importlib.util
import logging
import pathlib
import warnings

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.export.child_checks import check_child
from keras_elastic.export.folding import fold
from keras_elastic.export.precision import in_float32

# Keras's names of formats: the suffix, what must be installed, and what to do
# with the file.
FORMATS = {
    "onnx": (
        ".onnx",
        ("tf2onnx", "onnx"),
        "run it with onnxruntime.InferenceSession({}).run(None, "
        '{{"images": images}})',
    ),
    "openvino": (
        ".xml",
        ("openvino",),
        'run it with openvino.Core().compile_model({}, "CPU", '
        '{{"INFERENCE_PRECISION_HINT": "f32"}})(images)',
    ),
}


@checks.arguments(path=checks.PATH, format=checks.choice(tuple(FORMATS)))
def interchange(model, path, format) -> pathlib.Path:
    """Writes a child as a file that ONNX Runtime or OpenVINO runs.

    Input `images`, float32 of shape (batch, resolution, resolution, 3), pixel
    values 0..255, of any batch; one output, logits of shape (batch, classes).
    The file is what `model.export(path, format=...)` of Keras makes of the
    child with its normalizations folded into its convolutions. A child of half
    precision is written as its twin in float32, of the same weights. Needs
    Keras's TensorFlow backend.

    OpenVINO computes in bfloat16 where the processor can, and its logits are
    then off by some hundredths. Compile the file with
    `{"INFERENCE_PRECISION_HINT": "f32"}` for equal ones.

    Args:
        model: A calibrated child; see `litert`.
        path: Path of the file, which ends in `.onnx` or `.xml`. OpenVINO's
            weights lie beside it, in a file that ends in `.bin`. A file that
            exists is replaced.
        format: `"onnx"` or `"openvino"`.

    Returns:
        The path of the file.

    Raises:
        ImportError: The extra of the format's name is not installed.
        ValueError: The model is not calibrated, or the path does not fit.
            Nothing is written then.
    """
    check_child(model)
    path = _check_path(path, format)
    _check_installed(format)
    model = fold(in_float32(model))
    with files.replacing_files(path.parent) as new:
        _write(model, str(new / path.name), format)
    return path


def _write(model, path, format):
    # It tells of each graph that it leaves less than best, with a traceback.
    logging.getLogger("tf2onnx.optimizer").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Keras looks for what NumPy once had.
        warnings.filterwarnings("ignore", ".*np.object", FutureWarning)
        model.export(
            path,
            format=format,
            verbose=False,
            # It may never have been called, of which Keras would make its own.
            input_signature=list(model.inputs),
        )


def _check_path(path, format):
    path = files.as_path(path=path)
    suffix, *_ = FORMATS[format]
    if path.suffix != suffix or path.is_dir():
        raise ValueError(
            f"`path` must be that of a file that ends in {suffix!r}. Received: "
            f"path='{path}'. Pass such as '{path.with_suffix(suffix)}'."
        )
    with files.refusing(path=path.parent):
        files.try_writing(path.parent)
    return path


def _check_installed(format):
    _, packages, _ = FORMATS[format]
    missing = [p for p in packages if importlib.util.find_spec(p) is None]
    if missing:
        raise ImportError(
            f"The format {format!r} needs {' and '.join(missing)}. Install it "
            f'with `pip install "keras-elastic[{format}]"`.'
        )

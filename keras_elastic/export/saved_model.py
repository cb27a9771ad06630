"""A child as a SavedModel, in the folder layout of TensorFlow Serving."""

import pathlib
import tempfile

import keras
import tensorflow as tf

from keras_elastic.calibration import is_calibrated


def saved_model(
    model: keras.Model,
    folder: str | pathlib.Path,
    version: int = 1,
    *,
    class_names=None,
    top: int = 5,
) -> pathlib.Path:
    """Writes a child as a SavedModel that TensorFlow Serving picks up.

    The SavedModel is self-contained: it needs neither Keras nor this library,
    and carries its own image preparation and class names. It has two
    signatures:

    - `serving_default`, for clients that hold an image. Input: `images`,
      uint8 of shape `(batch, height, width, 3)`, of any size. The largest
      central square is cut out, resized to the model's resolution (bicubic,
      antialiased) and clipped to 0..255. An image that already has the model's
      size goes in unchanged. Outputs: `probabilities`, float32
      `(batch, classes)`; `top_classes`, string `(batch, top)`, the names of
      the most probable classes, best first; `top_probabilities`, float32
      `(batch, top)`.
    - `serve_tensors`, for clients with a preparation of their own. Input:
      `images`, float32 of shape `(batch, resolution, resolution, 3)`, pixel
      values 0..255. Outputs: `logits` and `probabilities`, float32
      `(batch, classes)`.

    The version is written whole or not at all: a server that watches `folder`
    never sees a version that is half there. Needs Keras's TensorFlow backend.

    Args:
        model: A `keras.Model` with one input of shape
            `(None, resolution, resolution, 3)`, pixel values 0..255, and one
            output of shape `(None, classes)`, logits. Its BatchNormalization
            statistics must be calibrated.
        folder: Path of the served model, the parent of its versions. Made
            where it does not exist.
        version: Positive integer, the version to write. It must not exist.
        class_names: Sequence of `classes` strings, in the order of the logits.
            Defaults to `model.class_names` where the model has it, otherwise
            to `"0"`, `"1"`, and so on.
        top: Positive integer, how many classes `top_classes` names; at most
            the number of classes.

    Returns:
        The path of the version, `folder/<version>`.

    Raises:
        ValueError: If an argument is not as described above, if the version
            exists, or if the model is not calibrated. Nothing is written then.

    Example:

    ```python
    model = keras_elastic.load("bignas", flops=400e6)
    path = keras_elastic.export.saved_model(model, "served/bignas", version=1)

    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    image = tf.io.decode_image(tf.io.read_file("cat.jpg"), channels=3)
    print(serve(images=image[tf.newaxis])["top_classes"])
    ```
    """
    folder = pathlib.Path(folder)
    resolution, num_classes = _check_model(model)
    names = _check_class_names(model, class_names, num_classes)
    _check_positive_integer("top", top)
    _check_version(folder, version)
    archive = _archive(model, resolution, names, min(top, num_classes))
    return _write_whole(archive, folder, version)


def _check_model(model):
    """Returns the resolution and the number of classes of a valid child."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            "`model` must be a `keras.Model`. "
            f"Received: model={model!r} of type {type(model).__name__}. "
            "Pass a child, such as `keras_elastic.load` returns."
        )
    resolution = _check_input(model)
    num_classes = _check_output(model)
    if not is_calibrated(model):
        raise ValueError(
            "`model` must be calibrated: its BatchNormalization layers still "
            "hold the statistics they were made with, mean 0 and variance 1. "
            f"Received: model={model.name!r}. "
            "Call `keras_elastic.calibrate(model, images)` first."
        )
    return resolution, num_classes


def _check_input(model):
    shapes = [tuple(x.shape) for x in getattr(model, "inputs", None) or ()]
    if len(shapes) == 1 and len(shapes[0]) == 4:
        batch, height, width, channels = shapes[0]
        if batch is None and height and height == width and channels == 3:
            return height
    raise ValueError(
        "`model` must be built and have one input of shape (None, n, n, 3): "
        f"any batch, square, RGB. Received: model={model.name!r} with input "
        f"shapes {shapes}. Build it on "
        "`keras.Input((resolution, resolution, 3))`."
    )


def _check_output(model):
    shapes = [tuple(x.shape) for x in model.outputs]
    if len(shapes) == 1 and len(shapes[0]) == 2 and shapes[0][1]:
        return shapes[0][1]
    raise ValueError(
        "`model` must have one output of shape (None, classes), the logits. "
        f"Received: model={model.name!r} with output shapes {shapes}. "
        "End it with global pooling and a `keras.layers.Dense(classes)`."
    )


def _check_class_names(model, class_names, num_classes):
    if class_names is None:
        class_names = getattr(model, "class_names", None)
    if class_names is None:
        class_names = [str(index) for index in range(num_classes)]
    # A string is a sequence of strings too, but never meant as one.
    is_string = isinstance(class_names, str)
    names = (class_names,) if is_string else tuple(class_names)
    is_all_strings = all(isinstance(name, str) for name in names)
    if len(names) != num_classes or not is_all_strings:
        raise ValueError(
            f"`class_names` must be {num_classes} strings, one for each logit "
            f"of the model. Received: {_abridged(names)}. "
            "Pass one name for each class, in the order of the logits."
        )
    return names


def _abridged(names):
    """A thousand names would hide the message around them."""
    shown = ", ".join(repr(name) for name in names[:3])
    more = ", ..." if len(names) > 3 else ""
    return f"{len(names)} names, [{shown}{more}]"


def _check_positive_integer(name, value):
    # `True` is an `int` to Python.
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    if not is_integer or value < 1:
        raise ValueError(
            f"`{name}` must be a positive integer. "
            f"Received: {name}={value!r}. Pass 1 or more."
        )


def _check_version(folder, version):
    _check_positive_integer("version", version)
    taken = _versions(folder)
    if version in taken:
        raise ValueError(
            "`version` must be one that is not in `folder` yet. "
            f"Received: version={version}, folder='{folder}', which has "
            f"{sorted(taken)}. Pass version={next_version(folder)}."
        )


def next_version(folder) -> int:
    """Returns the version after the latest in a folder, or 1.

    Args:
        folder: Path of the folder that `saved_model` writes into.
    """
    return max(_versions(pathlib.Path(folder)), default=0) + 1


def _versions(folder):
    """The versions a server would see: the entries whose name is a number."""
    if not folder.exists():
        return set()
    return {int(path.name) for path in folder.iterdir() if _is_number(path)}


def _is_number(path):
    return path.name.isascii() and path.name.isdigit()


def _archive(model, resolution, names, top):
    archive = keras.export.ExportArchive()
    # The second endpoint calls the first, so that the graph of the model is
    # stored once.
    serve_tensors = archive.add_endpoint(
        "serve_tensors",
        _tensors_function(model),
        [_images_spec(resolution, "float32")],
    )
    archive.add_endpoint(
        "serving_default",
        _images_function(serve_tensors, resolution, names, top),
        [_images_spec(None, "uint8")],
    )
    return archive


def _images_spec(size, dtype):
    return tf.TensorSpec((None, size, size, 3), dtype, name="images")


def _tensors_function(model):
    def serve_tensors(images):
        # A model in mixed precision may end in half precision.
        logits = tf.cast(model(images, training=False), "float32")
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    return serve_tensors


def _images_function(serve_tensors, resolution, names, top):
    resize = keras.layers.Resizing(
        resolution,
        resolution,
        interpolation="bicubic",
        antialias=True,
        crop_to_aspect_ratio=True,
        data_format="channels_last",
        dtype="float32",
    )

    def serving_default(images):
        # Cast first: on integers the layer would round its result.
        pixels = resize(tf.cast(images, "float32"))
        # Bicubic interpolation overshoots at sharp edges.
        pixels = tf.clip_by_value(pixels, 0.0, 255.0)
        probabilities = serve_tensors(pixels)["probabilities"]
        best = tf.math.top_k(probabilities, top)
        return {
            "probabilities": probabilities,
            "top_classes": tf.gather(tf.constant(names), best.indices),
            "top_probabilities": best.values,
        }

    return serving_default


def _write_whole(archive, folder, version):
    """Writes beside the target and renames: a rename happens at once."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / str(version)
    # Servers skip names that are not numbers. The SavedModel goes one level
    # deeper because the temporary directory itself is private to its owner.
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as scratch:
        whole = pathlib.Path(scratch) / "saved_model"
        archive.write_out(str(whole), verbose=False)
        whole.rename(target)
    return target

"""A child as a SavedModel, in the folder layout of TensorFlow Serving."""

import pathlib
from collections.abc import Sequence

import keras

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.export import child_checks
from keras_elastic.export import signatures
from keras_elastic.export import version_folders
from keras_elastic.export import warmup
from keras_elastic.export.folding import fold
from keras_elastic.export.shared_children import SharedChildren
from keras_elastic.models import preparation as preparations
from keras_elastic.models.outputs import check_classifier


@checks.arguments(
    folder=checks.PATH,
    version=checks.POSITIVE_INTEGER,
    top=checks.POSITIVE_INTEGER,
    multi_label=checks.BOOLEAN | checks.NONE,
    share_weights=checks.BOOLEAN,
    overwrite=checks.BOOLEAN,
)
def saved_model(
    model: keras.Model,
    folder: str | pathlib.Path,
    version: int = 1,
    *,
    class_names: Sequence[str] | None = None,
    top: int = 5,
    multi_label: bool | None = None,
    share_weights: bool = False,
    overwrite: bool = False,
) -> pathlib.Path:
    """Writes a child as a SavedModel that TensorFlow Serving picks up.

    The SavedModel is self-contained: it needs neither Keras nor this library,
    and carries its own image preparation and class names. It has three
    signatures:

    - `serving_default`, for clients that hold an image. Input: `images`,
      uint8 of shape `(batch, height, width, 3)`, of any size. The largest
      central square is cut out, resized to the model's resolution (bicubic,
      antialiased) and clipped to 0..255. An image that already has the model's
      size goes in unchanged. A model that was scored on smaller squares, or
      by way of a patch, as its entry says, is served so. Outputs:
      `probabilities`, float32 `(batch, classes)`; `top_classes`, string
      `(batch, top)`, the names of the most probable classes, best first;
      `top_probabilities`, float32 `(batch, top)`.
      The probabilities of an image add up to one, unless the model is of
      several labels: then each is that of one label.
    - `serve_bytes`, for clients that hold a file. Input: `images`, string of
      shape `(batch,)`, the contents of JPEG, PNG, BMP and GIF files (the first
      image) and, where TensorFlow decodes it, WebP files of one image, each of
      any size. They are decoded as image folders are for training: upright,
      as the camera noted that it was held (EXIF), gray ones made RGB, palettes
      looked up and alpha channels dropped; then as `serving_default`, with
      the same outputs. Other kinds, bytes that are no whole image, and images
      of more than 100 million pixels, of all frames together (a third of that
      in WebP and in BMP with a palette), are an error of their request.
    - `serve_tensors`, for clients with a preparation of their own. Input:
      `images`, float32 of shape `(batch, resolution, resolution, 3)`, pixel
      values 0..255. Outputs: `logits` and `probabilities`, float32
      `(batch, classes)`.

    A request of no images is answered with outputs of no rows.

    Beside them, in `assets.extra`, lie `labels.txt`, the name of a class on
    each line, and `tf_serving_warmup_requests`, one request for each signature
    that TensorFlow Serving sends before it lets users in.

    The normalizations of a child are folded into its convolutions, which saves
    passes over the activations.

    The version is written whole or not at all: a server that watches `folder`
    never sees a version that is half there. Needs Keras's TensorFlow backend.

    Args:
        model: A `keras.Model` with one input of shape
            `(None, resolution, resolution, 3)`, pixel values 0..255, and one
            output of shape `(None, classes)`: logits, or probabilities of a
            softmax or of sigmoids at its end, which are served as they are.
            Its BatchNormalization statistics must be calibrated. A model of
            other values, by its loss, is refused.
        folder: Path of the served model, the parent of its versions. Made
            where it does not exist.
        version: Positive integer, the version to write.
        class_names: Sequence of `classes` strings, in the order of the logits:
            different ones, each on one line. Defaults to `model.class_names`
            where the model has it, otherwise to `"0"`, `"1"`, and so on.
        top: Positive integer, how many classes `top_classes` names; at most
            the number of classes.
        multi_label: Boolean, whether an image may have any number of labels,
            so that probabilities are sigmoids of the logits and not their
            softmax. Defaults to whether `model` is compiled with a binary
            cross-entropy, as it is from
            `keras_elastic.load(..., multi_label=True)`, or ends in sigmoids.
        share_weights: Boolean, whether the networks of a cascade share what
            weights of theirs are parts of one another's, as those of children
            of one supernet are. The file is then little larger than that of
            the largest network alone. Each cuts its part out of them at every
            request.
        overwrite: Boolean, whether to replace the version where it exists. A
            server that has loaded it already keeps what it has: to change
            what is served, write the `next_version`.

    Returns:
        The path of the version, `folder/<version>`.

    Raises:
        ValueError: If an argument is not as described above, if the version
            exists and is not to be replaced, if `folder` cannot be written
            into, if the model is not calibrated, or if weights are to be
            shared and nothing can be. Nothing is written then.

    Example:

    ```python
    model = keras_elastic.load("bignas", flops=400e6)
    path = keras_elastic.export.saved_model(model, "served/bignas", version=1)

    serve = tf.saved_model.load(str(path)).signatures["serve_bytes"]
    encoded = tf.constant([pathlib.Path("cat.jpg").read_bytes()])
    print(serve(images=encoded)["top_classes"])
    ```
    """
    folder = files.as_path(folder=folder)
    resolution, num_classes = child_checks.check_child(model)
    names = child_checks.check_class_names(model, class_names, num_classes)
    checks.positive_integer(top=top)
    if multi_label is not None:
        checks.boolean(multi_label=multi_label)
    scores = check_classifier(model, multi_label)
    version_folders.check_version(folder, version, overwrite)
    call = _shared_call(model) if share_weights else _call(model)
    prepare = signatures.preparation(resolution, preparations.find(model))
    archive = _archive(
        call, resolution, prepare, names, min(top, num_classes), scores
    )
    with version_folders.writing_version(folder, version) as whole:
        archive.write_out(str(whole), verbose=False)
        extra = whole / "assets.extra"
        extra.mkdir()
        write_labels(extra, names)
        inputs = warmup.warmup_inputs(resolution)
        warmup.write_warmup(extra, folder.name, inputs)
    return folder / str(version)


def write_labels(folder: pathlib.Path, names) -> None:
    """Writes the names of the classes, one on a line."""
    (folder / "labels.txt").write_text("\n".join(names) + "\n", "utf-8")


def _call(model):
    folded = fold(model)
    return lambda images: folded(images, training=False)


def _shared_call(model):
    """A function that runs a cascade whose weights are stored once."""
    if not hasattr(model, "map_networks"):
        raise ValueError(
            "`share_weights` needs a model of several networks, which "
            f"`keras_elastic.cascade` returns. Received: {model.name!r} of "
            f"type {type(model).__name__}. Leave it out."
        )
    shared = SharedChildren(model.networks)
    if not shared.weights.are_shared:
        raise ValueError(
            "`share_weights` needs networks whose weights are parts of one "
            "another's, such as children of one supernet that were not "
            f"trained further. Received: {model.name!r}, whose networks have "
            "none in common. Leave it out."
        )
    return lambda images: model.route(images, shared.call)[0]


def _archive(call, resolution, prepare, names, top, scores):
    archive = keras.export.ExportArchive()
    # The other endpoints call the first, so that the graph of the model is
    # stored once.
    serve_tensors = archive.add_endpoint(
        "serve_tensors",
        signatures.tensors_signature(call, *scores),
        [signatures.images_spec(resolution, "float32")],
    )
    archive.add_endpoint(
        "serving_default",
        signatures.images_signature(serve_tensors, prepare, names, top),
        [signatures.images_spec()],
    )
    archive.add_endpoint(
        "serve_bytes",
        signatures.bytes_signature(
            serve_tensors, prepare, resolution, names, top
        ),
        [signatures.bytes_spec()],
    )
    return archive

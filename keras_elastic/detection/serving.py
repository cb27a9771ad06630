"""A detector as a SavedModel."""

import os
import pathlib
from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.detection import decoding
from keras_elastic.detection.retinanet import import_keras_hub
from keras_elastic.export import version_folders
from keras_elastic.export.saved_model import write_labels


@checks.arguments(
    folder=checks.PATH,
    version=checks.POSITIVE_INTEGER,
    class_names=checks.STRINGS | checks.NONE,
    overwrite=checks.BOOLEAN,
)
def saved_model(
    detector: keras.Model,
    folder: str | os.PathLike[str],
    version: int = 1,
    *,
    class_names: Sequence[str] | None = None,
    overwrite: bool = False,
) -> pathlib.Path:
    """Writes a detector as a SavedModel that TensorFlow Serving picks up.

    Its signature `serving_default` takes `images`, uint8 of shape (batch,
    height, width, 3), of any size, and resizes them as `detection_batches`
    does. It returns `boxes`, float32 of shape (batch, 100, 4): top, left,
    bottom and right as shares of the image; `scores`, float32, and `classes`,
    int32, of shape (batch, 100), the most certain first, 0 and -1 where there
    are fewer; and `count`, int32 of shape (batch,).

    Args:
        detector: What `retinanet` returned.
        folder: Path of the folder of the served model.
        version: Integer.
        class_names: Sequence of strings, written into
            `assets.extra/labels.txt`, or `None`.
        overwrite: Boolean. Whether to replace the version where it exists.

    Returns:
        The path of the version, `folder/<version>`.

    Raises:
        ValueError: `detector` is none, there are not as many names as classes,
            the version exists, or `folder` cannot be written into.
    """
    kind = import_keras_hub().models.RetinaNetObjectDetector
    checks.instance_of(kind, detector=detector)
    if class_names is not None and len(class_names) != detector.num_classes:
        raise ValueError(
            f"`class_names` must be {detector.num_classes}, one for each "
            f"class. Received: {len(class_names)} names."
        )
    folder = files.as_path(folder=folder)
    version_folders.check_version(folder, version, overwrite)
    archive = keras.export.ExportArchive()
    archive.track(detector)
    archive.add_endpoint(
        "serving_default",
        _signature(detector),
        [tf.TensorSpec((None, None, None, 3), "uint8", name="images")],
    )
    with version_folders.writing_version(folder, version) as whole:
        archive.write_out(str(whole), verbose=False)
        if class_names is not None:
            extra = whole / "assets.extra"
            extra.mkdir()
            write_labels(extra, class_names)
    return folder / str(version)


def _signature(detector):
    height, width = detector.input_shape[1:3]

    def serve(images):
        pixels = tf.image.resize(
            tf.cast(images, "float32"), (height, width), antialias=True
        )
        found = decoding.detect(detector, pixels)
        return {
            "boxes": found["boxes"] / [height, width, height, width],
            "scores": found["confidence"],
            "classes": found["labels"],
            "count": found["num_detections"],
        }

    return serve

"""Data sets of TensorFlow Datasets (TFDS): found, downloaded and read."""

import contextlib
import fnmatch
import re
import socket
import typing
import urllib.request

import numpy as np
import tensorflow as tf

from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.image_dataset import check_limit
from keras_elastic.data.image_files import decode_window
from keras_elastic.data.splits import Decode
from keras_elastic.data.splits import DecodeWindow
from keras_elastic.data.splits import Split
from keras_elastic.data.splits import hold_out

if typing.TYPE_CHECKING:
    import tensorflow_datasets as tfds
    from etils import epath

# name, name/config, name:version or name/config:version.
_NAME = re.compile(r"([\w-]+)(?:/([^:]+))?(?::(.+))?")
# Files are read in turn, sixteen examples from each of sixteen files: fast on
# remote storage. Stated here because the order of the images, and with it the
# choice of held-out images, must not follow a default that may change.
_INTERLEAVED_FILES = 16
_EXAMPLES_A_TURN = 16


def find_prepared(
    name: str, data_dir: str
) -> "tfds.core.DatasetBuilder | None":
    """Finds a prepared data set on disk. Downloads nothing.

    Works alike whether or not TFDS knows code for the data set: `tfds.builder`
    looks for the version of its own code only.

    Args:
        name: `"name"`, `"name/config"`, `"name:version"` or
            `"name/config:version"`, as in TFDS. The version may hold
            asterisks. Without a config the data set must have none, or only
            one on disk. Without a version it is the newest on disk.
        data_dir: The directory that holds the prepared data sets.

    Returns:
        A builder that reads the files, or `None` if they are not there.
    """
    import tensorflow_datasets as tfds

    match = _NAME.fullmatch(name)
    if match is None:
        return None
    base, config, version = match.groups()
    folders = [
        folder
        for folder in _folders(data_dir, base)
        if fnmatch.fnmatchcase(folder.name, version or "*")
        and (config is None or folder.parent.name == config)
    ]
    if len({folder.parent for folder in folders}) != 1:
        return None
    return tfds.builder_from_directory(max(folders, key=_version_order))


def find_registered(name: str) -> "tfds.core.DatasetBuilder | None":
    """Finds a data set by its TFDS name, and downloads it where it is missing.

    Args:
        name: A name that `tfds.builder` understands.

    Returns:
        A builder of the prepared data set, or `None` if TFDS does not know
        the name.

    Raises:
        ValueError: The data set could not be downloaded.
    """
    import tensorflow_datasets as tfds

    if _NAME.fullmatch(name) is None:
        return None
    try:
        builder = tfds.builder(name)
    except tfds.core.DatasetNotFoundError:
        return None
    if not builder.is_prepared():
        _download(builder, name)
    return builder


def _download(builder, name):
    try:
        with _without_retries() if _is_offline() else contextlib.nullcontext():
            builder.download_and_prepare()
    # Without a network; and TFDS asserts that files are there which it may
    # not download by itself, as those of ImageNet.
    except (OSError, AssertionError) as error:
        raise ValueError(
            f"The data set {name!r} is not prepared on this machine, and TFDS "
            f"could not download it: {error}\nMend that, or pass `data_dir`, a "
            "directory that holds it in TFDS form."
        ) from error


def _is_offline() -> bool:
    """Whether the names of hosts are not found, and no proxy finds them."""
    if urllib.request.getproxies():
        return False
    try:
        socket.getaddrinfo("www.tensorflow.org", "https")
    except OSError:
        return True
    return False


@contextlib.contextmanager
def _without_retries() -> typing.Iterator[None]:
    """A context in which TFDS tries to download a file once.

    Else it tries for minutes where there is no network. A data set whose files
    a user has put in place needs none.
    """
    from tensorflow_datasets.core.download import downloader

    before = getattr(downloader, "MAX_RETRIES", None)
    if before is None:
        # Another version, which has no such number.
        yield
        return
    downloader.MAX_RETRIES = 0
    try:
        yield
    finally:
        downloader.MAX_RETRIES = before


def is_registered(name: str) -> bool:
    """Whether TFDS has code for the data set."""
    import tensorflow_datasets as tfds

    known = tfds.list_builders(with_community_datasets=False)
    return re.split("[/:]", name)[0] in known


def list_prepared(data_dir: str) -> list[str]:
    """Lists the data sets under a directory, as `"name[/config]:version"`."""
    return sorted(
        f"{folder.parent.relative_to(data_dir).as_posix()}:{folder.name}"
        for folder in _folders(data_dir)
    )


def _folders(data_dir: str, name: str = "*") -> list["epath.Path"]:
    """Folders `<name>[/<config>]/<version>` of prepared data sets."""
    # Data sets may lie in a bucket. TFDS brings this library.
    from etils import epath

    root = epath.Path(data_dir)
    found = [
        info.parent
        for pattern in (f"{name}/*", f"{name}/*/*")
        for info in root.glob(f"{pattern}/dataset_info.json")
    ]
    return [f for f in found if (f / "features.json").exists()]


def _version_order(folder: "epath.Path") -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.name)]


def load_builder(
    name: str, builder: "tfds.core.DatasetBuilder", limit: int | None = None
) -> ImageDataset:
    """Reads the features "image" and "label" of a prepared data set.

    The test split is "test" where that has labels, else "validation".
    Grayscale images become RGB.

    Args:
        name: What the data set is called in reports.
        builder: Builder of a prepared data set.
        limit: If given, only the first `limit` training images are kept.

    Returns:
        An `ImageDataset`.

    Raises:
        ValueError: If a feature, a split or its labels are missing, the images
            are not uint8 with 1 or 3 channels, or `limit` keeps fewer than two
            images.
    """
    check_limit(limit)
    image, label = _checked_features(name, builder)
    _check_splits(name, builder)
    decode, window_decode = _decoder(image), _window_decoder(image)
    train, held_out = hold_out(
        _records(builder, "train"),
        _size(builder, "train"),
        decode,
        limit,
        window_decode,
        _source(builder, "train"),
    )
    test_name = _test_split(name, builder)
    test = Split.from_records(
        _records(builder, test_name),
        _size(builder, test_name),
        decode,
        window_decode,
        _source(builder, test_name),
    )
    # TFDS names the classes "0", "1", ... where the data set has no names.
    return ImageDataset(name, tuple(label.names), train, held_out, test)


def _checked_features(
    name: str, builder: "tfds.core.DatasetBuilder"
) -> tuple["tfds.features.Image", "tfds.features.ClassLabel"]:
    import tensorflow_datasets as tfds

    features = builder.info.features
    wanted = {
        "image": tfds.features.Image,
        "label": tfds.features.ClassLabel,
    }
    for key, kind in wanted.items():
        if key not in features or not isinstance(features[key], kind):
            found = {key: type(features[key]).__name__ for key in features}
            raise ValueError(
                f"The data set must have a feature `{key}` of type "
                f"{kind.__name__}. Received: name={name!r} with the features "
                f"{found}. Pass an image classification data set."
            )
    _check_image_feature(name, features["image"])
    return features["image"], features["label"]


def _check_image_feature(name: str, feature: "tfds.features.Image") -> None:
    if feature.shape[-1] not in (1, 3):
        raise ValueError(
            "The feature `image` must have 1 or 3 channels. "
            f"Received: name={name!r} with {feature.shape[-1]} channels. "
            "Prepare the data set without its alpha channel."
        )
    dtype = np.dtype(feature.np_dtype)
    if dtype != np.uint8:
        raise ValueError(
            "The feature `image` must be uint8. "
            f"Received: name={name!r} with {dtype}. "
            "Prepare the data set with 8 bits a channel."
        )


def _check_splits(name: str, builder: "tfds.core.DatasetBuilder") -> None:
    splits = builder.info.splits
    if "train" not in splits or not {"test", "validation"} & set(splits):
        raise ValueError(
            "The data set must have the split `train` and one of `test` and "
            f"`validation`. Received: name={name!r} with the splits "
            f"{sorted(splits)}. Prepare the data set with these splits."
        )
    if splits["train"].num_examples and not _has_labels(builder, "train"):
        raise ValueError(
            "The split `train` must have labels. "
            f"Received: name={name!r}, whose first training label is "
            "negative. Prepare the data set with labels."
        )


def _test_split(name: str, builder: "tfds.core.DatasetBuilder") -> str:
    for split in _test_candidates(builder):
        if _has_labels(builder, split):
            return split
    raise ValueError(
        "One of the splits `test` and `validation` must have labels. "
        f"Received: name={name!r}, whose labels there are negative. "
        "Prepare the data set with labels."
    )


def _test_candidates(builder: "tfds.core.DatasetBuilder") -> list[str]:
    # ImageNet's test images have no labels, and are often left out on disk so
    # that they cannot be looked at.
    if builder.name == "imagenet2012":
        return ["validation"]
    return [
        split
        for split in ("test", "validation")
        if split in builder.info.splits
    ]


def _has_labels(builder: "tfds.core.DatasetBuilder", split: str) -> bool:
    # The first example tells: -1 stands for no label.
    for _, label in _records(builder, split).take(1):
        return int(label) >= 0
    return False


def _size(builder: "tfds.core.DatasetBuilder", split: str) -> int:
    return builder.info.splits[split].num_examples


def _source(builder: "tfds.core.DatasetBuilder", split: str) -> list:
    """What tells a split from others, as JSON holds it."""
    info = builder.info.splits[split]
    # With the config and the version.
    name = builder.info.full_name
    return [name, split, int(info.num_bytes), [*map(int, info.shard_lengths)]]


def _records(
    builder: "tfds.core.DatasetBuilder", split: str
) -> tf.data.Dataset:
    import tensorflow_datasets as tfds

    examples = builder.as_dataset(
        split=split,
        shuffle_files=False,
        decoders=tfds.decode.PartialDecoding(
            {"image": True, "label": True},
            decoders={"image": tfds.decode.SkipDecoding()},
        ),
        read_config=tfds.ReadConfig(
            interleave_cycle_length=_INTERLEAVED_FILES,
            interleave_block_length=_EXAMPLES_A_TURN,
            # A cache would be filled anew for every epoch's pipeline.
            try_autocache=False,
        ),
    )
    return examples.map(_as_pair)


def _as_pair(example: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    return example["image"], tf.cast(example["label"], tf.int64)


def _decoder(feature: "tfds.features.Image") -> Decode:
    if feature.shape[-1] == 3:
        return feature.decode_example

    def decode_gray(record: tf.Tensor) -> tf.Tensor:
        return tf.image.grayscale_to_rgb(feature.decode_example(record))

    return decode_gray


def _window_decoder(feature: "tfds.features.Image") -> DecodeWindow:
    decode = _decoder(feature)

    def decode_record(record: tf.Tensor, draw: Decode) -> tf.Tensor:
        return decode_window(record, decode, draw, feature.shape[-1])

    return decode_record

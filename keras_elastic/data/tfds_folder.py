"""Reads a folder that TensorFlow Datasets (TFDS) prepared, without TFDS."""

import functools
import json
import pathlib
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from keras_elastic.data.interleaving import interleave
from keras_elastic.data.tfrecord import parse_example
from keras_elastic.data.tfrecord import read_records

_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_SHARD_DIGITS = 5


class Record(NamedTuple):
    """An encoded image and its label."""

    image: bytes
    label: int


class TfdsFolder:
    """One version of a prepared data set of labelled 8-bit images.

    Args:
        path: The folder, which holds `dataset_info.json`.

    Raises:
        ValueError: If a feature or a split is missing, the images are not
            uint8 with 1 or 3 channels, or the files are not TFRecords.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        self._info = _read_json(path / "dataset_info.json")
        self._splits = {
            split["name"]: split for split in self._info.get("splits", ())
        }
        self._check_format()
        self._check_features()
        self._check_splits()

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self._info["name"]

    @functools.cached_property
    def channels(self) -> int:
        """Number of channels of the images: 1 or 3."""
        return int(self._features["image"]["image"]["shape"]["dimensions"][-1])

    @functools.cached_property
    def class_names(self) -> tuple[str, ...]:
        """Name of each label, in label order: by default "0", "1", ..."""
        file = self.path / "label.labels.txt"
        if file.is_file():
            lines = file.read_text("utf-8").split("\n")
            return tuple(line.strip() for line in lines if line.strip())
        count = int(self._features["label"]["classLabel"]["numClasses"])
        return tuple(str(label) for label in range(count))

    @functools.cached_property
    def test_split(self) -> str:
        """Name of the split to test on: the first that has labels."""
        for split in self._test_candidates():
            if self._has_labels(split):
                return split
        raise ValueError(
            "One of the splits `test` and `validation` must have labels. "
            f"Received: {str(self.path)!r}, whose labels there are negative. "
            "Prepare the data set with labels."
        )

    def size(self, split: str) -> int:
        """Number of examples of a split."""
        return sum(self._shard_lengths(split))

    def records(self, split: str) -> Iterator[Record]:
        """Yields the records of a split, in their fixed order.

        Args:
            split: Name of the split.

        Yields:
            One `Record` after the other.

        Raises:
            ValueError: If a file is broken, or has another number of records
                than `dataset_info.json` says.
        """
        return interleave(
            _read_file(self._file(split, shard), length)
            for shard, length in enumerate(self._shard_lengths(split))
            if length
        )

    @functools.cached_property
    def _features(self) -> dict[str, Any]:
        features = _read_json(self.path / "features.json")
        return features.get("featuresDict", {}).get("features", {})

    def _shard_lengths(self, split: str) -> list[int]:
        return [int(n) for n in self._splits[split].get("shardLengths", ())]

    def _file(self, split: str, shard: int) -> pathlib.Path:
        count = len(self._shard_lengths(split))
        digits = max(_SHARD_DIGITS, len(str(count)))
        index, of = f"{shard:0{digits}}", f"{count:0{digits}}"
        template = self._splits[split].get("filepathTemplate") or _TEMPLATE
        return self.path / template.format(
            DATASET=self.name,
            SPLIT=split,
            FILEFORMAT="tfrecord",
            SHARD_INDEX=index,
            NUM_SHARDS=of,
            SHARD_X_OF_Y=f"{index}-of-{of}",
        )

    def _test_candidates(self) -> list[str]:
        # ImageNet's test images have no labels, and are often left out on
        # disk so that they cannot be looked at.
        if self.name == "imagenet2012":
            return ["validation"]
        return [s for s in ("test", "validation") if s in self._splits]

    def _has_labels(self, split: str) -> bool:
        # The first example tells: -1 stands for no label.
        first = next(self.records(split), None)
        return first is not None and first.label >= 0

    def _check_format(self) -> None:
        found = self._info.get("fileFormat", "tfrecord")
        if found != "tfrecord":
            raise ValueError(
                "The files of the data set must be TFRecords. "
                f"Received: {str(self.path)!r} with the format {found!r}. "
                "Prepare it with `tfds build --file_format=tfrecord`."
            )

    def _check_splits(self) -> None:
        if "train" not in self._splits or not (
            {"test", "validation"} & set(self._splits)
        ):
            raise ValueError(
                "The data set must have the split `train` and one of `test` "
                f"and `validation`. Received: {str(self.path)!r} with the "
                f"splits {sorted(self._splits)}. Prepare the data set with "
                "these splits."
            )
        if self.size("train") and not self._has_labels("train"):
            raise ValueError(
                "The split `train` must have labels. "
                f"Received: {str(self.path)!r}, whose first training label "
                "is negative. Prepare the data set with labels."
            )

    def _check_features(self) -> None:
        for key, kind in (("image", "image"), ("label", "classLabel")):
            if kind not in self._features.get(key, {}):
                found = sorted(self._features)
                raise ValueError(
                    f"The data set must have a feature `{key}` of the kind "
                    f"{kind!r}. Received: {str(self.path)!r} with the "
                    f"features {found}. Pass an image classification data "
                    "set, prepared by TFDS 4.5 or later."
                )
        dtype = self._features["image"]["image"].get("dtype", "uint8")
        if self.channels not in (1, 3) or dtype != "uint8":
            raise ValueError(
                "The feature `image` must be uint8 with 1 or 3 channels. "
                f"Received: {str(self.path)!r} with {dtype} and "
                f"{self.channels} channels. Prepare the data set with 8 bits "
                "a channel and without an alpha channel."
            )


def _read_json(file: pathlib.Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"`{file.name}` must be a JSON file. Received: {str(file)!r}, "
            f"which is not: {error}. Prepare the data set again."
        ) from error


def _read_file(file: pathlib.Path, length: int) -> Iterator[Record]:
    count = 0
    for record in read_records(file):
        yield _read_example(record, file)
        count += 1
    if count != length:
        raise ValueError(
            f"The file must hold {length} records, as `dataset_info.json` "
            f"says. Received: {str(file)!r}, which holds {count}. "
            "Copy or prepare it again."
        )


def _read_example(record: bytes, file: pathlib.Path) -> Record:
    try:
        example = parse_example(record, ("image", "label"))
        (image,), (label,) = example["image"], example["label"]
    except ValueError as error:
        raise ValueError(
            "Every record must be a `tf.train.Example` with one `image` and "
            f"one `label`. Received: {str(file)!r} with another record. "
            "Copy or prepare it again."
        ) from error
    return Record(image, label)

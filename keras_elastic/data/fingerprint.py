"""What tells the images of a run from others: kept by it, and compared.

A run that goes on must read the images that it began with: others would be
tested on that were trained on.
"""

import collections
import hashlib
import itertools
import json
import os
from typing import Any

import numpy as np

from keras_elastic.data.image_dataset import ArraySplit
from keras_elastic.data.image_dataset import ImageDataset
from keras_elastic.data.image_dataset import ImageFiles

_SPLITS = ("train", "held_out", "test")
# Of what has neither files nor a name: images, or labels, that are looked at.
_MOST_LOOKED_AT = 1_000
_MOST_READ = 8192
_NUM_NAMED = 5


def fingerprint(dataset: ImageDataset) -> dict[str, Any]:
    """Returns what tells a data set, and its division, from others.

    Of files it is their names, sizes and labels, and what small ones hold; of
    data sets of TFDS their version and number of bytes; of arrays their
    labels, and pixels of 1,000 images.

    Args:
        dataset: `ImageDataset`, of any kind.

    Returns:
        Dictionary that JSON can hold: the name, the names of the classes, and
        for each split the number of images and digests. Equal data sets have
        equal ones, in whatever folder they lie.

    Raises:
        ValueError: A file is not there any more.

    Example:

    >>> from keras_elastic.data import load_dataset
    >>> before = fingerprint(load_dataset("digits"))
    >>> now = fingerprint(load_dataset("digits", limit=1000))
    >>> print("\\n".join(differences(before, now)))
    `train` has 900 images, and had 1293.
    `held_out` has 100 images, and had 144.
    """
    return {
        "name": dataset.name,
        "class_names": list(dataset.class_names),
        "splits": {
            name: _of_split(getattr(dataset, name), dataset.class_names)
            for name in _SPLITS
        },
    }


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Says how data sets differ, in sentences for people.

    What they are called does not count: a folder may be moved.

    Args:
        old: What `fingerprint` returned when a run began.
        new: What it returns now.

    Returns:
        Sentences, none of them if the data sets are equal.
    """
    found = _class_differences(old["class_names"], new["class_names"])
    for name in _SPLITS:
        found += _split_differences(
            name, old["splits"].get(name, {}), new["splits"][name]
        )
    return found


def _of_split(split, class_names) -> dict[str, Any]:
    source = split if isinstance(split, ArraySplit) else split.source
    if isinstance(source, ImageFiles):
        return _of_files(source, class_names)
    if isinstance(source, ArraySplit):
        digest = _of_arrays(source)
    elif source is not None:
        digest = _digest(json.dumps(source))
    else:
        digest = _of_pipeline(split)
    return {"images": split.size, "digest": digest}


def _of_files(files: ImageFiles, class_names) -> dict[str, Any]:
    lines = collections.defaultdict(list)
    for path, label in zip(files.paths, files.labels, strict=True):
        name = os.path.relpath(path, files.folder)
        line = b"%s %s" % (os.fsencode(name), _contents(path))
        lines[class_names[label]].append(line)
    classes = {
        name: [len(lines[name]), _digest(*sorted(lines[name]))[:16]]
        for name in sorted(lines)
    }
    # The order is that of the names, which are there.
    digest = _digest(json.dumps(classes))
    return {"images": len(files.paths), "digest": digest, "classes": classes}


def _contents(path) -> bytes:
    """The size of a file, and what is in it where it is small.

    Small files often have one size; to read large ones would take its time.
    """
    try:
        size = path.stat().st_size
        small = path.read_bytes() if size <= _MOST_READ else b""
    except OSError as error:
        raise ValueError(
            "The files of a data set must stay where they are. Received: "
            f"{str(path)!r}, which is gone. Load the data set again."
        ) from error
    return b"%d %s" % (size, hashlib.sha256(small).digest())


def _of_arrays(split: ArraySplit) -> str:
    images = split.images[:: max(1, split.size // _MOST_LOOKED_AT)]
    parts = (images.tobytes(), split.labels.tobytes())
    return _digest(str(split.images.shape), *parts)


def _of_pipeline(split) -> str:
    """Of a split that somebody made: the first labels, as it yields them."""
    examples, _ = split.undecoded()
    first = itertools.islice(examples.as_numpy_iterator(), _MOST_LOOKED_AT)
    labels = np.array([label for _, label in first], "int64")
    return _digest(str(split.size), labels.tobytes())


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        # No two lists of parts are written alike.
        digest.update(b"%d " % len(part) + part)
    return digest.hexdigest()


def _class_differences(old: list[str], new: list[str]) -> list[str]:
    if old == new:
        return []
    if sorted(old) == sorted(new):
        return ["The classes are in another order: their labels are others."]
    gone = [name for name in old if name not in new]
    come = [name for name in new if name not in old]
    if len(old) == len(new):
        pairs = zip(old, new, strict=True)
        renamed = [f"{a!r} was {b!r}" for b, a in pairs if a != b]
        return [f"Classes have other names: {_few(renamed)}."]
    parts = [f"{_few(map(repr, gone))} are gone"] * bool(gone)
    parts += [f"{_few(map(repr, come))} are new"] * bool(come)
    return [
        f"There are {len(new)} classes, and were {len(old)}: "
        f"{', '.join(parts)}."
    ]


def _split_differences(name: str, old: dict, new: dict) -> list[str]:
    if old == new:
        return []
    before, now = old.get("classes", {}), new.get("classes", {})
    counts, changed = [], []
    for label in sorted({*before, *now}):
        [had, _], [has, _] = before.get(label, _NONE), now.get(label, _NONE)
        if had != has:
            verb = "added to" if has > had else "removed from"
            counts.append(f"{abs(has - had)} {verb} {label!r}")
        elif before[label] != now[label]:
            changed.append(repr(label))
    found = []
    if old.get("images") != new["images"]:
        more = f" ({_few(counts)})" if counts else ""
        found.append(
            f"`{name}` has {new['images']} images, and had "
            f"{old.get('images')}{more}."
        )
    elif counts:
        found.append(f"`{name}` has other images: {_few(counts)}.")
    if changed:
        found.append(
            f"`{name}` has as many images of {_few(changed)} as before, but "
            "with other names or contents."
        )
    return found or [
        f"`{name}` has as many images as before, but others, or other labels."
    ]


_NONE = (0, "")


def _few(parts) -> str:
    parts = list(parts)
    more = ", ..." if len(parts) > _NUM_NAMED else ""
    return ", ".join(parts[:_NUM_NAMED]) + more

import json

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic import detection
from keras_elastic.detection.datasets import check_boxes

BOXES = np.array([[0.0, 0.25, 0.5, 0.75], [0.5, 0.0, 1.0, 0.5]], "float32")


def example(boxes=BOXES, labels=(2, 0)):
    image = np.zeros((8, 16, 3), "uint8")
    image[:4, 4:12] = 200
    return {
        "image": image,
        "boxes": np.reshape(boxes, (-1, 4)).astype("float32"),
        "labels": np.array(labels, "int64"),
    }


def dataset(*examples):
    signature = {
        "image": tf.TensorSpec((None, None, 3), "uint8"),
        "boxes": tf.TensorSpec((None, 4), "float32"),
        "labels": tf.TensorSpec((None,), "int64"),
    }
    return tf.data.Dataset.from_generator(
        lambda: iter(examples), output_signature=signature
    )


def first(batches):
    images, targets = next(batches.as_numpy_iterator())
    return images, targets["boxes"], targets["labels"]


# Batches


def test_boxes_are_in_pixels_of_the_batch():
    batches = detection.detection_batches(
        dataset(example(), example(BOXES[:1], (1,))), (16, 8), 2, 3, max_boxes=3
    )
    images, boxes, labels = first(batches)
    assert images.shape == (2, 16, 8, 3)
    # The bright object is where its box is.
    assert images[0, 2:6, 3:5].min() > 150 and images[0, 9:].max() == 0
    np.testing.assert_allclose(boxes[0, :2], BOXES * [16, 8, 16, 8])
    np.testing.assert_array_equal(labels, [[2, 0, -1], [1, -1, -1]])
    np.testing.assert_array_equal(boxes[1, 1:], -1)


def test_more_boxes_than_there_is_room_for_are_left_out():
    batches = detection.detection_batches(
        dataset(example()), (8, 16), 1, 3, max_boxes=1
    )
    assert first(batches)[2].tolist() == [[2]]


def test_images_without_boxes_are_kept():
    empty = example(np.zeros((0, 4)), ())
    batches = detection.detection_batches(dataset(empty), (8, 16), 1, 3)
    assert (first(batches)[2] == -1).all()


def test_training_goes_on_and_mirrors_boxes_with_images():
    make = [dataset(example(BOXES[:1] / 2, (1,))), (8, 16), 4, 3]
    batches = detection.detection_batches(*make, training=True, max_boxes=1)
    runs = [list(batches.take(4).as_numpy_iterator()) for _ in range(2)]
    lefts = np.concatenate([t["boxes"][:, 0, 1] for _, t in runs[0]])
    assert set(lefts) == {2.0, 10.0}
    for (images, targets), (again, _) in zip(*runs, strict=True):
        np.testing.assert_array_equal(images, again)
        bright = images[:, 0, :, 0] > 100
        mirrored = targets["boxes"][:, 0, 1] == 10
        # The object of the image is from 4 to 12: the same, mirrored.
        assert (bright[:, 4:12]).all()
        assert mirrored.shape == (4,)


def test_files_are_decoded():
    png = tf.io.encode_png(example()["image"])
    encoded = dataset(example()).map(lambda e: {**e, "image": png})
    images, *_ = first(detection.detection_batches(encoded, (8, 16), 1, 3))
    np.testing.assert_array_equal(images[0], example()["image"])


@pytest.mark.parametrize(
    "spec",
    [
        lambda e: (e["image"], e["labels"]),
        lambda e: {**e, "image": e["image"][None]},
        lambda e: {**e, "image": e["image"][..., :1]},
        lambda e: {**e, "boxes": e["boxes"][0]},
        lambda e: {"image": e["image"], "labels": e["labels"]},
    ],
)
def test_examples_of_another_form_are_refused(spec):
    with pytest.raises(ValueError, match="`examples`"):
        detection.detection_batches(dataset(example()).map(spec), (8, 8), 1, 3)


def test_batched_examples_are_refused():
    batched = dataset(example()).batch(1)
    with pytest.raises(ValueError, match="`examples`"):
        detection.detection_batches(batched, (8, 8), 1, 3)


def test_wrong_boxes_are_refused_before_work_begins():
    wrong = dataset(example(), example(BOXES + 1))
    with pytest.raises(ValueError, match="`boxes`.*example 1"):
        detection.detection_batches(wrong, (8, 8), 1, 3)
    with pytest.raises(ValueError, match=r"`labels`.*0\.\.1.*example 0"):
        detection.detection_batches(dataset(example()), (8, 8), 1, 2)


@pytest.mark.parametrize(
    ("boxes", "labels", "name"),
    [
        ([[0, 0, 0.5, 1.2]], [0], "boxes"),
        ([[-0.1, 0, 0.5, 0.5]], [0], "boxes"),
        ([[0, 0, 100, 120]], [0], "boxes"),
        ([[0.5, 0.2, 0.5, 0.6]], [0], "boxes"),
        ([[0.5, 0.2, 0.4, 0.6]], [0], "boxes"),
        ([[0, np.nan, 0.5, 0.5]], [0], "boxes"),
        ([[0, 0, 0.5, 0.5]], [0, 1], "boxes"),
        ([[0, 0, 0.5, 0.5]], [3], "labels"),
        ([[0, 0, 0.5, 0.5]], [-1], "labels"),
    ],
)
def test_wrong_boxes_and_labels(boxes, labels, name):
    with pytest.raises(ValueError, match=f"`{name}`.*example 7"):
        check_boxes(np.array(boxes, "float32"), np.array(labels), 3, 7)


def test_right_boxes():
    check_boxes(np.array([[0, 0, 1, 1]], "float32"), np.array([2]), 3)
    check_boxes(np.zeros((0, 4), "float32"), np.zeros(0), 3)


# Data sets of TFDS


def write(folder, features, splits):
    """Writes a data set in TFDS form, for which TFDS has no code."""
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(features)
    folder = folder / "small_coco" / "2017" / "1.1.0"
    folder.mkdir(parents=True)
    features.save_config(folder)
    for split, examples in splits.items():
        file = folder / f"small_coco-{split}.tfrecord-00000-of-00001"
        with tf.io.TFRecordWriter(str(file)) as writer:
            for one in examples:
                encoded = features.encode_example(one)
                writer.write(features.serialize_example(encoded))
    info = {
        "name": "small_coco",
        "configName": "2017",
        "version": "1.1.0",
        "fileFormat": "tfrecord",
        "splits": [
            {
                "name": split,
                "shardLengths": [str(len(examples))],
                "numBytes": "1",
                "filepathTemplate": (
                    "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
                ),
            }
            for split, examples in splits.items()
        ],
    }
    (folder / "dataset_info.json").write_text(json.dumps(info))


def coco_like(folder, splits=("train", "validation", "test")):
    """As COCO in TFDS: with a crowd, and a box without an area."""
    import tensorflow_datasets as tfds

    names = ["cat", "dog", "owl"]
    objects = [([0, 0.25, 0.5, 0.75], 2, False), ([0, 0, 1, 1], 1, True)]
    objects.append(([0.5, 0.5, 0.5, 1], 0, False))
    one = {
        "image": example()["image"],
        "image/id": 7,
        "objects": [
            {
                "bbox": tfds.features.BBox(*map(float, box)),
                "label": label,
                "is_crowd": is_crowd,
            }
            for box, label, is_crowd in objects
        ],
    }
    unlabeled = {**one, "objects": []}
    features = {
        "image": tfds.features.Image(encoding_format="png"),
        "image/id": np.int64,
        "objects": tfds.features.Sequence(
            {
                "bbox": tfds.features.BBoxFeature(),
                "label": tfds.features.ClassLabel(names=names),
                "is_crowd": np.bool_,
            }
        ),
    }
    contents = {"train": [one] * 3, "validation": [one], "test": [unlabeled]}
    write(folder, features, {split: contents[split] for split in splits})


def test_a_set_like_coco(tmp_path):
    coco_like(tmp_path)
    found = detection.load_dataset("small_coco/2017", tmp_path)
    assert found.class_names == ("cat", "dog", "owl")
    assert (found.train_size, found.test_size) == (3, 1)
    for split in (found.train, found.test):
        images, boxes, labels = first(
            detection.detection_batches(split, (8, 16), 1, 3, max_boxes=2)
        )
        np.testing.assert_array_equal(images[0], example()["image"])
        np.testing.assert_allclose(boxes[0], [[0, 4, 4, 12], [-1] * 4])
        np.testing.assert_array_equal(labels, [[2, -1]])


def test_sets_that_will_not_do_are_refused(tmp_path):
    import tensorflow_datasets as tfds

    with pytest.raises(ValueError, match="`name`"):
        detection.load_dataset("no_such_set_here", tmp_path)
    coco_like(tmp_path / "a", splits=("train",))
    with pytest.raises(ValueError, match="lacks .*test"):
        detection.load_dataset("small_coco/2017", tmp_path / "a")
    features = {"image": tfds.features.Image(encoding_format="png")}
    one = {"image": example()["image"]}
    write(tmp_path / "b", features, {"train": [one], "test": [one]})
    with pytest.raises(ValueError, match="lacks .*objects/bbox"):
        detection.load_dataset("small_coco", tmp_path / "b")

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from keras_elastic.data.tfrecord import parse_example
from keras_elastic.data.tfrecord import read_records

int64 = st.integers(-(2**63), 2**63 - 1)
features = st.dictionaries(
    st.text(max_size=5),
    st.one_of(
        st.lists(st.binary(max_size=300), max_size=3),
        st.lists(int64, min_size=1, max_size=3),
    ),
    max_size=4,
)


def write(path, records):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def example(**values):
    """A serialised example; the type of a list follows its first value."""

    def feature(values):
        if values and isinstance(values[0], int):
            return {"int64_list": tf.train.Int64List(value=values)}
        if values and isinstance(values[0], float):
            return {"float_list": tf.train.FloatList(value=values)}
        return {"bytes_list": tf.train.BytesList(value=values)}

    made = {k: tf.train.Feature(**feature(v)) for k, v in values.items()}
    return tf.train.Example(
        features=tf.train.Features(feature=made)
    ).SerializeToString()


def test_records_are_those_that_tensorflow_wrote(tmp_path):
    rng = np.random.default_rng(0)
    records = [rng.bytes(size) for size in (3, 0, 1, 5000, 17)]
    write(tmp_path / "file", records)
    assert list(read_records(tmp_path / "file")) == records
    assert list(read_records(str(tmp_path / "file"))) == records


def test_an_empty_file_has_no_records(tmp_path):
    write(tmp_path / "file", [])
    assert list(read_records(tmp_path / "file")) == []


@pytest.mark.parametrize("missing", [1, 4, 5, 14, 18, 19, 25])
def test_truncated_file(tmp_path, missing):
    path = tmp_path / "cut.tfrecord"
    write(path, [b"0123456789"] * 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:-missing])
    with pytest.raises(ValueError, match="whole record.*Rec.*cut.tfrecord"):
        list(read_records(path))


def test_a_file_cut_between_records_has_fewer(tmp_path):
    path = tmp_path / "file"
    write(path, [b"0123456789"] * 3)
    path.write_bytes(path.read_bytes()[:-26])
    assert len(list(read_records(path))) == 2


def test_what_is_not_a_tfrecord_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\xff" * 1000)
    with pytest.raises(ValueError, match="is not a TFRecord file"):
        list(read_records(path))


@given(features)
def test_examples_are_those_that_tensorflow_wrote(values):
    assert parse_example(example(**values), values) == values


def test_only_the_wanted_features_are_read():
    record = example(image=[b"png"], label=[3], other=[1.5, 2.5])
    assert parse_example(record, ("label",)) == {"label": [3]}
    assert parse_example(record, ("none", "other")) == {
        "none": [],
        "other": [],
    }


def test_integers_that_are_not_packed():
    # Field 1 of the list twice, each with its own tag: 5 and -1.
    integers = b"\x08\x05\x08" + b"\xff" * 9 + b"\x01"
    feature = b"\x1a" + bytes([len(integers)]) + integers
    entry = b"\x0a\x01y\x12" + bytes([len(feature)]) + feature
    features = b"\x0a" + bytes([len(entry)]) + entry
    record = b"\x0a" + bytes([len(features)]) + features
    assert tf.train.Example.FromString(record).features.feature["y"]
    assert parse_example(record, ("y",)) == {"y": [5, -1]}


def test_unknown_fields_are_skipped():
    fixed = b"\x11" + b"\x00" * 8 + b"\x1d" + b"\x00" * 4 + b"\x20\x07"
    assert parse_example(fixed + example(y=[2]) + fixed, ("y",)) == {"y": [2]}


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_broken_example(cut):
    with pytest.raises(ValueError, match="`record` must be.*Received: .*bytes"):
        parse_example(example(y=[7])[:-cut], ("y",))


def test_a_wire_type_that_is_none():
    with pytest.raises(ValueError, match="`record` must be"):
        parse_example(b"\x0b\x00", ("y",))

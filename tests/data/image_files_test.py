import functools

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.image_files import decode_window
from keras_elastic.data.image_files import find_corrupt
from keras_elastic.data.image_files import naming_corrupt_files
from keras_elastic.data.image_files import read_image
from keras_elastic.data.image_files import warn_skipped

WINDOWS = [(0, 0, 61, 47), (3, 5, 20, 17), (60, 46, 1, 1), (17, 8, 44, 33)]
decode_rgb = functools.partial(
    tf.io.decode_image, channels=3, expand_animations=False
)


def image():
    rng = np.random.default_rng(0)
    small = rng.uniform(0, 255, [9, 7, 3])
    large = tf.image.resize(small, [61, 47], "bicubic")
    return tf.cast(tf.clip_by_value(large, 0, 255), tf.uint8)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize(
    "encode",
    [
        tf.io.encode_jpeg,
        functools.partial(tf.io.encode_jpeg, progressive=True),
        functools.partial(tf.io.encode_jpeg, chroma_downsampling=False),
        tf.io.encode_png,
    ],
)
def test_window_is_a_part_of_the_image(encode, window):
    contents = encode(image())
    shapes = []

    def draw(shape):
        shapes.append(tuple(shape.numpy()))
        return tf.constant(window)

    top, left, height, width = window
    expected = decode_rgb(contents)[top : top + height, left : left + width]
    found = decode_window(contents, decode_rgb, draw)
    np.testing.assert_array_equal(found, expected)
    assert shapes == [(61, 47, 3)]


def test_jpeg_is_not_decoded_whole():
    def refuse(contents):
        raise AssertionError("the whole image must not be decoded")

    contents = tf.io.encode_jpeg(image())
    found = decode_window(contents, refuse, lambda shape: [1, 2, 3, 4])
    assert found.shape == (3, 4, 3)


def test_gray():
    contents = tf.io.encode_jpeg(image())

    def decode(contents):
        gray = tf.io.decode_image(contents, 1, expand_animations=False)
        return tf.image.grayscale_to_rgb(gray)

    found = decode_window(
        contents, decode, lambda shape: [3, 5, 20, 17], channels=1
    )
    np.testing.assert_array_equal(found, decode(contents)[3:23, 5:22])


def test_in_a_graph():
    contents = [tf.io.encode_jpeg(image()), tf.io.encode_png(image())]
    crops = tf.data.Dataset.from_tensor_slices(contents).map(
        lambda record: decode_window(
            record, decode_rgb, lambda shape: [3, 5, shape[0] // 2, 17]
        )
    )
    assert crops.element_spec.shape.as_list() == [None, None, 3]
    assert [crop.shape for crop in crops] == [(30, 17, 3)] * 2


@pytest.fixture
def paths(tmp_path, write_images):
    write_images(tmp_path, 6)
    (tmp_path / "2.png").write_text("not an image")
    (tmp_path / "4.png").write_bytes(b"")
    return [tmp_path / f"{number}.png" for number in range(6)]


def test_whole_image_is_read(paths):
    found = read_image(tf.constant(str(paths[3])))
    np.testing.assert_array_equal(found, np.full([4, 4, 3], 3))


@pytest.mark.parametrize("eager", [True, False])
def test_error_names_the_file(paths, eager):
    path = tf.constant(str(paths[2]))
    read = read_image if eager else tf.function(read_image)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=rf"Received: .?'{paths[2]}.?', which",
    ):
        read(path)


@pytest.mark.parametrize(
    "name", ["a.png", "\u00e9t\u00e9 'b'.png", "\u96ea\\b.jpg"]
)
def test_value_error_names_the_file(tmp_path, name):
    path = tmp_path / name
    path.write_text("not an image")
    images = tf.data.Dataset.from_tensors(str(path)).map(read_image)
    with pytest.raises(ValueError) as error:
        with naming_corrupt_files():
            list(images)
    assert str(error.value) == (
        "The image file must be a whole BMP, GIF, JPEG, PNG or WebP. Received: "
        f"'{path}', which cannot be decoded. Replace or remove it, or "
        "load the folder with `skip_corrupt=True`."
    )


def test_other_errors_pass():
    with pytest.raises(tf.errors.InvalidArgumentError, match="other"):
        with naming_corrupt_files():
            raise tf.errors.InvalidArgumentError(None, None, "other")
    with naming_corrupt_files():
        assert int(tf.add(1, 1)) == 2


def test_corrupt_files_are_found(paths):
    assert find_corrupt(paths, read_image) == {paths[2], paths[4]}
    assert find_corrupt(paths[:2], read_image) == set()
    assert find_corrupt([], read_image) == set()


def test_warning_names_the_first(tmp_path, recwarn):
    warn_skipped(tmp_path, [])
    assert not recwarn.list
    names = [f"{number}.png" for number in range(7)]
    with pytest.warns(
        UserWarning, match=r"^7 image files .*: 0.png, .*, 4.png, \.\.\.\. Repl"
    ):
        warn_skipped(tmp_path, names)

import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.data.corrupt_files import find_corrupt
from keras_elastic.data.corrupt_files import naming_corrupt_files
from keras_elastic.data.corrupt_files import read_named
from keras_elastic.data.corrupt_files import warn_skipped


def decode(path):
    return tf.io.decode_image(
        tf.io.read_file(path), channels=3, expand_animations=False
    )


@pytest.fixture
def paths(tmp_path, write_images):
    write_images(tmp_path, 6)
    (tmp_path / "2.png").write_text("not an image")
    (tmp_path / "4.png").write_bytes(b"")
    return [tmp_path / f"{number}.png" for number in range(6)]


def test_whole_image_is_read(paths):
    found = read_named(tf.constant(str(paths[3])), decode)
    np.testing.assert_array_equal(found, np.full([4, 4, 3], 3))


@pytest.mark.parametrize("eager", [True, False])
def test_error_names_the_file(paths, eager):
    path = tf.constant(str(paths[2]))
    read = read_named if eager else tf.function(read_named)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match=rf"Received: .?'{paths[2]}.?', which",
    ):
        read(path, decode)


@pytest.mark.parametrize(
    "name", ["a.png", "\u00e9t\u00e9 'b'.png", "\u96ea\\b.jpg"]
)
def test_value_error_names_the_file(tmp_path, name):
    path = tmp_path / name
    path.write_text("not an image")
    images = tf.data.Dataset.from_tensors(str(path)).map(
        lambda path: read_named(path, decode)
    )
    with pytest.raises(ValueError) as error:
        with naming_corrupt_files():
            list(images)
    assert str(error.value) == (
        "The image file must be a whole BMP, GIF, JPEG or PNG. Received: "
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
    assert find_corrupt(paths, decode) == {paths[2], paths[4]}
    assert find_corrupt(paths[:2], decode) == set()
    assert find_corrupt([], decode) == set()


def test_warning_names_the_first(tmp_path, recwarn):
    warn_skipped(tmp_path, [])
    assert not recwarn.list
    names = [f"{number}.png" for number in range(7)]
    with pytest.warns(
        UserWarning, match=r"^7 image files .*: 0.png, .*, 4.png, \.\.\.\. Repl"
    ):
        warn_skipped(tmp_path, names)

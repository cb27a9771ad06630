import pytest

from keras_elastic import files


@pytest.fixture
def path(tmp_path):
    return tmp_path / "front.csv"


def test_a_new_file_in_a_new_folder(tmp_path):
    path = tmp_path / "a" / "b" / "front.csv"
    with files.replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_the_old_file_is_there_until_the_end(path):
    path.write_text("old")
    with files.replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_the_temporary_file_has_the_name_of_the_file(path):
    with files.replacing(path) as temporary:
        assert temporary.name == path.name
        assert not temporary.exists()
        temporary.touch()


@pytest.mark.parametrize("old", [None, "old"])
def test_an_error_leaves_what_was_there(path, old):
    if old:
        path.write_text(old)
    before = list(path.parent.iterdir())
    with pytest.raises(RuntimeError, match="half-way"):
        with files.replacing(path) as temporary:
            temporary.write_text("ne")
            raise RuntimeError("half-way")
    assert list(path.parent.iterdir()) == before
    assert not old or path.read_text() == old


def test_a_writer_that_writes_nothing_is_an_error(path):
    path.write_text("old")
    with pytest.raises(FileNotFoundError):
        with files.replacing(path):
            pass
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "content, digest",
    [
        # The test vectors of FIPS 180-2.
        (
            b"abc",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            b"a" * 1_000_000,
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
    ],
)
def test_sha256(path, content, digest):
    path.write_bytes(content)
    assert files.sha256(path) == digest


def test_sha256_of_more_than_one_part_sees_its_end(path):
    path.write_bytes(b"a" * (1 << 20) + b"b")
    one = files.sha256(path)
    path.write_bytes(b"a" * (1 << 20) + b"c")
    assert files.sha256(path) != one

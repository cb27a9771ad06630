import pathlib

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


# Folders


def write_folder(path, text):
    with files.replacing_folder(path) as whole:
        whole.mkdir()
        (whole / "file").write_text(text)


def test_a_new_folder_in_a_new_folder(tmp_path):
    path = tmp_path / "a" / "b"
    write_folder(path, "new")
    assert (path / "file").read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "a"
    write_folder(path, "old")
    (path / "other").touch()
    write_folder(path, "new")
    assert [p.name for p in path.iterdir()] == ["file"]
    assert (path / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("old", [None, "old"])
def test_an_error_leaves_the_folder_that_was_there(tmp_path, old):
    path = tmp_path / "a"
    if old:
        write_folder(path, old)
    before = list(tmp_path.iterdir())
    with pytest.raises(RuntimeError, match="half-way"):
        with files.replacing_folder(path) as whole:
            whole.mkdir()
            raise RuntimeError("half-way")
    assert list(tmp_path.iterdir()) == before
    assert not old or (path / "file").read_text() == old


# Permissions


@pytest.mark.parametrize("below", ["", "a", "a/b"])
def test_trying_to_write_leaves_nothing(tmp_path, below):
    files.try_writing(tmp_path / below)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("below", ["", "a", "a/b"])
def test_a_file_is_no_folder_to_write_into(tmp_path, below):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match="file"):
        files.try_writing(file / below)


def test_a_file_system_that_takes_no_files():
    if not pathlib.Path("/proc/self").exists():
        pytest.skip("needs Linux")
    with pytest.raises(OSError):
        files.try_writing("/proc/self/new")

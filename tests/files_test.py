import errno
import os
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


@pytest.mark.parametrize("path", [None, "", 3, b"a", "a\0b", ["a"]])
def test_what_is_no_path_is_refused_by_name(path):
    with pytest.raises(ValueError, match="`folder` must be a path"):
        files.as_path(folder=path)


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert files.as_path(folder="~/a") == tmp_path / "a"
    with files.replacing("~/a/front.csv") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a" / "front.csv").read_text() == "new"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("1000 requested and 12 written"),
        OSError("Can't write data (file write failed: errno = 28, error ...)"),
        RuntimeError("RESOURCE_EXHAUSTED: x; No space left on device"),
    ],
)
@pytest.mark.parametrize("write", [files.replacing, files.replacing_folder])
def test_a_full_disk_names_the_path(path, write, error):
    with pytest.raises(files.PathError) as found:
        with write(path):
            raise error
    assert found.value.errno == errno.ENOSPC
    assert found.value.filename == str(path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("write", [files.replacing, files.replacing_folder])
def test_a_file_where_a_folder_is_expected(tmp_path, write):
    (tmp_path / "file").touch()
    with pytest.raises(files.PathError, match="file'$") as found:
        with write(tmp_path / "file" / "front.csv"):
            raise AssertionError("This must not be reached.")
    assert found.value.errno == errno.ENOTDIR


def test_an_error_of_another_file_stays_as_it_is(path):
    with pytest.raises(PermissionError) as found:
        with files.replacing(path):
            raise PermissionError(errno.EACCES, "no", "/elsewhere/data")
    assert found.value.filename == "/elsewhere/data"


# Digests


def write(path, text):
    with files.replacing(path, digest=True) as temporary:
        temporary.write_text(text)


def test_a_file_is_verified(path):
    write(path, "content")
    assert files.verified(path) == path
    names = {"front.csv", "front.csv.sha256"}
    assert {p.name for p in path.parent.iterdir()} == names


def test_a_replaced_file_has_its_own_digest_alone(path):
    write(path, "old")
    write(path, "new")
    files.verified(path)
    path.write_text("old")
    with pytest.raises(ValueError, match="'.*front.csv' is damaged"):
        files.verified(path)


@pytest.mark.parametrize("suffix", ["", ".sha256"])
def test_every_flipped_byte_is_found(path, suffix):
    write(path, "some content")
    target = path.with_name(path.name + suffix)
    content = target.read_bytes()
    for place in range(len(content)):
        for bit in (1, 128):
            flipped = bytearray(content)
            flipped[place] ^= bit
            target.write_bytes(flipped)
            with pytest.raises(ValueError, match="front.csv"):
                files.verified(path)
    target.write_bytes(content)
    files.verified(path)


def test_files_without_a_digest_are_taken_as_they_are(path):
    path.write_text("of an earlier version")
    assert files.verified(path) == path


@pytest.mark.parametrize("had_digest", [False, True])
@pytest.mark.parametrize("call", range(3))
def test_at_every_moment_the_file_has_its_digest(
    path, monkeypatch, call, had_digest
):
    with files.replacing(path, digest=had_digest) as temporary:
        temporary.write_text("old")
    replace, calls = os.replace, []

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) > call:
            raise KeyboardInterrupt
        replace(*arguments)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write(path, "new")
    monkeypatch.undo()
    assert files.verified(path).read_text() == ("new" if call > 1 else "old")
    write(path, "newer")
    assert files.verified(path).read_text() == "newer"


def test_a_file_is_removed_with_its_digest(path):
    write(path, "content")
    files.remove(path)
    assert list(path.parent.iterdir()) == []

"""A version is there whole or not at all, and refusals name the folder."""

import contextlib
import os
import pathlib

import pytest

from keras_elastic import scratch
from keras_elastic.export import next_version
from keras_elastic.export import version_folders


def write(folder, version, text):
    with version_folders.writing_version(folder, version) as whole:
        whole.mkdir()
        (whole / "file").write_text(text)


def test_next_version(tmp_path):
    assert next_version(tmp_path / "none") == 1
    assert next_version(tmp_path) == 1
    for name in ("2", "11", "notes", "12x", "-13", "\u0664"):
        (tmp_path / name).mkdir()
    assert next_version(tmp_path) == 12
    assert next_version(str(tmp_path)) == 12


def test_a_version_is_put_in_its_place(tmp_path):
    folder = tmp_path / "new" / "served"
    with version_folders.writing_version(folder, 3) as whole:
        whole.mkdir()
        assert version_folders.versions(folder) == set()
    assert [path.name for path in folder.iterdir()] == ["3"]


def test_a_version_is_replaced(tmp_path):
    write(tmp_path, 1, "first")
    write(tmp_path, 1, "second")
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert (tmp_path / "1" / "file").read_text() == "second"


def test_the_replaced_version_comes_back(tmp_path, monkeypatch):
    write(tmp_path, 1, "first")
    rename = pathlib.Path.rename

    def fail(self, target):
        if self.name == "whole":
            raise OSError("disk full")
        return rename(self, target)

    # Where a system does not exchange folders, there are two steps.
    monkeypatch.setattr(scratch, "_exchange", lambda one, other: False)
    monkeypatch.setattr(pathlib.Path, "rename", fail)
    with pytest.raises(OSError, match="disk full"):
        write(tmp_path, 1, "second")
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert (tmp_path / "1" / "file").read_text() == "first"


@contextlib.contextmanager
def nobody():
    """For the superuser every folder is open."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o555, 0o000])
@pytest.mark.parametrize("below", ["", "served"])
def test_refuses_a_folder_without_permission(tmp_path, mode, below):
    folder = tmp_path / "closed"
    folder.mkdir(mode=mode)
    try:
        with nobody(), pytest.raises(ValueError) as error:
            version_folders.check_version(folder / below, 1)
            write(folder / below, 1, "text")
    finally:
        folder.chmod(0o755)
    message = str(error.value)
    assert "`folder` must be a folder that can be written into" in message
    assert f"Received: folder='{folder / below}' (Permission" in message
    assert "Pass another folder" in message
    assert not list(folder.iterdir())


@pytest.mark.parametrize("below", ["", "served"])
def test_refuses_a_file(tmp_path, below):
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ValueError, match="`folder` must be .*Received: .*file"):
        write(file / below, 1, "text")
    # Known before there is anything to write.
    with pytest.raises(ValueError, match="`folder` must be .*Received: .*file"):
        version_folders.check_version(file / below, 1)


def test_other_errors_are_not_hidden(tmp_path):
    with pytest.raises(PermissionError, match="of the writer"):
        with version_folders.writing_version(tmp_path, 1):
            raise PermissionError("of the writer")
    assert not list(tmp_path.iterdir())


def test_refuses_an_existing_version_unless_told(tmp_path):
    (tmp_path / "2").mkdir()
    with pytest.raises(ValueError, match=r"Pass version=3, or `overwrite=Tru"):
        version_folders.check_version(tmp_path, 2)
    version_folders.check_version(tmp_path, 2, overwrite=True)
    version_folders.check_version(tmp_path, 3)

import pathlib
import subprocess
import sys

import pytest

from keras_elastic import files
from keras_elastic import scratch

# Locks something, says so, and waits to be killed. Without the package, which
# takes seconds to import.
HOLD = f"""
import sys
sys.path.insert(0, {str(pathlib.Path(scratch.__file__).parent)!r})
import scratch
with getattr(scratch, sys.argv[1])(sys.argv[2]):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(tmp_path):
    """Starts a process that is in a context of `scratch`."""
    started = []

    def start(name):
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, name, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        end(process)


def end(process):
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def contents(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_scratch_folder_is_removed(tmp_path):
    with scratch.scratch_folder(tmp_path) as folder:
        (folder / "file").touch()
        assert folder.parent == tmp_path
    assert contents(tmp_path) == []


def test_what_a_kill_left_is_removed_and_what_lives_is_not(tmp_path, hold):
    process = hold("scratch_folder")
    [living] = contents(tmp_path)
    with files.replacing(tmp_path / "file") as temporary:
        temporary.touch()
    assert contents(tmp_path) == [living, "file"]
    end(process)
    assert contents(tmp_path) == [living, "file"]
    with files.replacing(tmp_path / "file") as temporary:
        temporary.touch()
    assert contents(tmp_path) == ["file"]


def test_one_process_at_a_time(tmp_path, hold):
    process = hold("locked")
    with pytest.raises(ValueError, match="in use: another process"):
        with scratch.locked(tmp_path):
            raise AssertionError("This must not be reached.")
    end(process)
    with scratch.locked(tmp_path):
        assert contents(tmp_path) == []
    with scratch.locked(tmp_path):
        pass


@pytest.mark.parametrize("exchanges", [True, False])
def test_a_folder_takes_the_place_of_another(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(scratch, "_exchange", lambda one, other: False)
    for text in ("old", "new"):
        with files.replacing_folder(tmp_path / "a") as whole:
            whole.mkdir()
            (whole / text).touch()
        assert contents(tmp_path / "a") == [text]
    assert contents(tmp_path) == ["a"]


def test_what_cannot_be_replaced_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "_exchange", lambda one, other: False)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "old").touch()
    with scratch.scratch_folder(tmp_path) as folder:
        with pytest.raises(OSError):
            scratch.put(folder / "never_made", tmp_path / "a")
    assert contents(tmp_path / "a") == ["old"]


def test_linux_exchanges_folders_in_one_step(tmp_path):
    if not sys.platform.startswith("linux"):
        pytest.skip("needs Linux")
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"of_{name}").touch()
    if not scratch._exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("a file system without exchanges")
    assert contents(tmp_path / "one") == ["of_other"]
    assert contents(tmp_path / "other") == ["of_one"]


def test_what_a_kill_moved_away_comes_back(tmp_path):
    # As a kill between the two steps leaves it, where nothing exchanges.
    left = tmp_path / f"{scratch.PREFIX}x" / "replaced" / "a"
    left.mkdir(parents=True)
    (left / "old").touch()
    scratch.remove_leftovers(tmp_path)
    assert contents(tmp_path) == ["a"]
    assert contents(tmp_path / "a") == ["old"]

import datetime
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_elastic.training import provenance

GIT = ["git", "-c", "user.name=me", "-c", "user.email=me@example.org"]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with one commit, in which the package seems to lie."""
    run_git(tmp_path, "init", "-q")
    package = tmp_path / "package"
    package.mkdir()
    (package / "module.py").write_text("1\n")
    run_git(tmp_path, "add", ".")
    run_git(tmp_path, "commit", "-q", "-m", "First")
    monkeypatch.setattr(provenance, "__file__", str(package / "module.py"))
    return tmp_path


def run_git(folder, *arguments):
    done = subprocess.run(
        [*GIT, *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_versions_and_the_machine_are_told():
    start = provenance.describe_start()
    assert start["backend"] == "tensorflow"
    assert start["versions"]["keras"] == keras.__version__
    assert start["versions"]["numpy"] == np.__version__
    assert start["command"] == sys.argv
    time = datetime.datetime.fromisoformat(start["time"])
    age = datetime.datetime.now(datetime.timezone.utc) - time
    assert datetime.timedelta() <= age < datetime.timedelta(minutes=1)


def test_packages_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setattr(provenance, "_PACKAGES", ("keras", "no-such-package"))
    assert list(provenance.describe_start()["versions"]) == ["keras"]


def test_facts_are_added():
    start = provenance.describe_start(strategy="mirrored", replicas=2)
    assert start["strategy"] == "mirrored"
    assert start["replicas"] == 2


def test_the_commit_of_a_checkout(checkout):
    start = provenance.describe_start()
    assert start["git_commit"] == run_git(checkout, "rev-parse", "HEAD")
    assert start["git_changes"] is False


def test_changes_of_a_checkout(checkout):
    (checkout / "package" / "module.py").write_text("2\n")
    assert provenance.describe_start()["git_changes"] is True


def test_outside_of_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "module.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    start = provenance.describe_start()
    assert start["git_commit"] is None
    assert start["git_changes"] is False


def test_without_git(monkeypatch):
    monkeypatch.setenv("PATH", "")
    start = provenance.describe_start()
    assert start["git_commit"] is None


def test_every_start_is_a_line(tmp_path):
    path = tmp_path / "run" / "starts.jsonl"
    for number in range(2):
        provenance.remember_start(path, number=number)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["number"] for line in lines] == [0, 1]
    assert lines[0]["python"] == lines[1]["python"]

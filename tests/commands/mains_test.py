"""Tests of `commands/mains.py`, `commands/train.py`, `commands/search.py`."""

import sys

import pytest
from absl import flags

from keras_elastic.commands import mains
from keras_elastic.conditional import BasisNetRecipe
from keras_elastic.conditional import CondConvRecipe
from keras_elastic.conditional import DSNetRecipe
from keras_elastic.training import Recipe


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script that is found by the name "train", and prints."""
    (tmp_path / "train.py").write_text(
        "import sys\nassert __name__ == '__main__'\nprint(sys.argv[1:])\n"
    )
    monkeypatch.setattr(mains, "_SCRIPTS", tmp_path)
    return tmp_path / "train.py"


def test_flags_are_passed_on(script, capsys):
    before = list(sys.argv)
    mains.run_script("train", ["--recipe=mine", "--smoke", "-x", "more"])
    shown = capsys.readouterr().out
    assert shown == "['--recipe=mine', '--smoke', '-x', 'more']\n"
    assert sys.argv == before


def test_a_copy_without_links_has_its_scripts(script, tmp_path):
    # What some systems make of a link: a file with its target.
    (tmp_path / "links").mkdir()
    moved = script.rename(tmp_path / "links" / "real.py")
    script.write_text("links/real.py")
    assert mains.find("train") == moved


@pytest.mark.parametrize("name", ["train", "search"])
def test_help_leaves_no_flag_behind(name):
    before = set(flags.FLAGS)
    assert f"keras-elastic {name} " in mains.help_of(name)
    assert set(flags.FLAGS) == before


def test_help_names_the_fields_that_are_flags():
    from keras_elastic import scripts

    shown = mains.help_of("train")
    before = set(flags.FLAGS)
    scripts.define_flags(
        *(Recipe, BasisNetRecipe, CondConvRecipe, DSNetRecipe), skip=("name",)
    )
    fields = set(flags.FLAGS) - before
    for name in fields:
        delattr(flags.FLAGS, name)
    assert len(fields) > 40
    assert [name for name in fields if f"\n--{name}: " not in shown] == []

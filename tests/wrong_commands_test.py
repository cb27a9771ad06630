"""Every wrong command line is refused by name, before a file is written."""

import pathlib
import sys

import pytest

BENCHMARKS = pathlib.Path(__file__).parents[1] / "benchmarks"


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore")
def test_wrong_command_lines(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.delitem(sys.modules, "wrong_commands", raising=False)
    import wrong_commands

    judged = list(wrong_commands.judge_all(tmp_path))
    assert len(judged) > 400
    assert [both for both in judged if both[1] != "clear"] == []

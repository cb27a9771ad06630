import command_runs
import pytest

import keras_elastic as ke


def test_list(capsys):
    status, out, _ = command_runs.run(capsys, "list")
    assert status == 0
    assert str(ke.list_models()) in out
    assert "Next: keras-elastic info NAME" in out


def test_the_table_of_a_file_is_updated(capsys, tmp_path):
    path = tmp_path / "README.md"
    path.write_text("# A\n<!-- zoo -->\nold\n<!-- /zoo -->\nrest\n")
    assert command_runs.run(capsys, "list", f"--update={path}")[0] == 0
    once = path.read_text()
    assert ke.list_models().to_markdown() in once
    assert once.startswith("# A\n") and once.endswith("\nrest\n")
    assert "old" not in once
    command_runs.run(capsys, "list", f"--update={path}")
    assert path.read_text() == once


@pytest.mark.parametrize(
    "text, words",
    [(None, "does not exist"), ("# A\n", "with the lines")],
)
def test_a_file_without_a_place_for_the_table(capsys, tmp_path, text, words):
    path = tmp_path / "README.md"
    if text is not None:
        path.write_text(text)
    status, _, err = command_runs.run(capsys, "list", f"--update={path}")
    assert status == 1
    assert words in err
    assert text is None or path.read_text() == text

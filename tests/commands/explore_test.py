import exploring_pages

from keras_elastic import command_line
from keras_elastic import zoo


def test_explore(capsys, tmp_path):
    path = tmp_path / "page.html"
    status = command_line.main(["explore", "bignas_digits", f"--out={path}"])
    assert status == 0
    assert str(path) in capsys.readouterr().out
    data = exploring_pages.read(path)
    entry = zoo.find_entry("bignas_digits")
    assert len(data["rows"]) == len(entry.front.rows)


def test_wrong_lines_write_nothing(capsys, tmp_path):
    path = tmp_path / "page.html"
    for arguments in (
        ["nothing", f"--out={path}"],
        ["bignas_digits", f"--out={tmp_path}"],
        ["bignas_digits", f"--out={path}", f"--evaluated={tmp_path}"],
    ):
        assert command_line.main(["explore", *arguments]) == 1
        assert "error: `" in capsys.readouterr().err
    assert not path.exists()

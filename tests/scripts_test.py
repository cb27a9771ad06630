import sys

import pytest

from keras_elastic import scripts


@pytest.fixture(autouse=True)
def quiet_app(monkeypatch):
    """`app.run` without what it does to this process's flags and logs."""
    monkeypatch.setattr(
        scripts.app, "run", lambda main: sys.exit(main(["script", "more"]))
    )


def test_main_gets_the_arguments(capsys):
    with pytest.raises(SystemExit) as end:
        scripts.run(print)
    assert not end.value.code
    assert capsys.readouterr() == ("['script', 'more']\n", "")


def test_an_error_of_the_user_is_one_line(capsys):
    def main(argv):
        raise ValueError("`flops` must be positive.")

    with pytest.raises(SystemExit) as end:
        scripts.run(main)
    assert end.value.code == 1
    assert capsys.readouterr() == ("", "error: `flops` must be positive.\n")


def test_other_errors_keep_their_traceback():
    def main(argv):
        raise KeyError("a mistake of ours")

    with pytest.raises(KeyError, match="ours"):
        scripts.run(main)

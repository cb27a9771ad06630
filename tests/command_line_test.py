import subprocess
import sys

import pytest

from keras_elastic import command_line

LIBRARIES = "{'keras', 'tensorflow', 'torch', 'scipy', 'sklearn'}"


@pytest.mark.parametrize(
    "arguments", [[], ["load"], ["fly"], ["load", "a", "--format=gif"]]
)
def test_a_wrong_command_shows_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as error:
        command_line.main(arguments)
    assert error.value.code == 2
    assert "usage: keras-elastic" in capsys.readouterr().err


def test_commands_are_in_the_order_of_their_use():
    shown = command_line.make_parser().format_help()
    names = ("train", "search", "list", "info", "load", "finetune", "evaluate")
    names += ("explore", "import")
    places = [shown.index(f"\n    {name} ") for name in names]
    assert places == sorted(places)


@pytest.fixture(scope="module")
def described():
    """What a process prints that shows all help, the zoo and an entry."""
    code = f"""
import sys
from keras_elastic import command_line
def run(*arguments):
    try:
        command_line.main(arguments)
    except SystemExit as end:
        assert not end.code, arguments
run("--help")
for name in ("train", "search", "list", "info", "load", "import"):
    run(name, "--help")
for name in ("finetune", "evaluate", "explore"):
    run(name, "--help")
run("list")
run("info", "bignas_digits")
print("LIBRARIES", *{LIBRARIES} & set(sys.modules))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_help_and_the_zoo_need_no_deep_learning_library(described):
    assert described.splitlines()[-1] == "LIBRARIES"


def test_help_names_every_flag_of_the_scripts(described):
    for flag in ("recipe", "smoke", "epochs", "windows", "measure", "flops"):
        assert f"--{flag}" in described
    assert "keras-elastic train --recipe=bignas" in described


def test_as_a_module():
    result = subprocess.run(
        [sys.executable, "-m", "keras_elastic", "list"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "bignas_digits" in result.stdout
    assert result.stderr == ""

import dataclasses
import sys

import pytest
from absl import flags

from keras_elastic import scripts
from keras_elastic.training import Recipe


@pytest.fixture(autouse=True)
def quiet_app(monkeypatch):
    """`app.run` without what it does to this process's flags and logs."""
    monkeypatch.setattr(
        scripts.app,
        "run",
        lambda main, **keywords: sys.exit(main(["script", "more"])),
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


@pytest.mark.parametrize(
    "error, status, words",
    [
        (KeyboardInterrupt(), 130, "error: interrupted. The same command"),
        (OSError(28, "No space left", "/run/a"), 1, "No space left: '/run/a'"),
        (ValueError("\x1b[31mred"), 1, "error: \\x1b[31mred\n"),
    ],
)
def test_what_ends_a_script_is_one_line(capsys, error, status, words):
    def main(argv):
        raise error

    with pytest.raises(SystemExit) as end:
        scripts.run(main)
    assert end.value.code == status
    printed = capsys.readouterr().err
    assert words in printed and printed.count("\n") == 1


def test_other_errors_keep_their_traceback():
    def main(argv):
        raise KeyError("a mistake of ours")

    with pytest.raises(KeyError, match="ours"):
        scripts.run(main)


# Flags of a dataclass


@dataclasses.dataclass
class Table:
    """What flags are made of.

    Args:
        name: String. What it is called, which may be
            long.
        count: Integer. How many.
        rate: Float. How fast, or `None`.
        quick: Boolean. Whether it is.
        sizes: Tuple of integers: how large.
        rates: Tuple of floats, or `None`.
        changes: Dictionary. No flag holds one.
        parts: Tuple of dictionaries.

    Raises:
        ValueError: Never.
    """

    name: str
    count: int = 3
    rate: float | None = None
    quick: bool = False
    sizes: tuple[int, ...] = ()
    rates: tuple[float, ...] | None = None
    changes: dict[str, int] = dataclasses.field(default_factory=dict)
    parts: tuple[dict[str, int], ...] = ()


@pytest.fixture
def values(monkeypatch):
    """Flags of this test alone."""
    own = flags.FlagValues()
    monkeypatch.setattr(flags, "FLAGS", own)
    for kind, define in scripts._DEFINE.items():
        monkeypatch.setitem(
            scripts._DEFINE,
            kind,
            lambda *args, define=define: define(*args, flag_values=own),
        )
    define_list = flags.DEFINE_list
    monkeypatch.setattr(
        flags,
        "DEFINE_list",
        lambda *args: define_list(*args, flag_values=own),
    )
    return own


def test_flags_that_were_given(values):
    given = scripts.define_flags(Table)
    values(
        [
            "script",
            "--name=mine",
            "--count=5",
            "--rate=0.5",
            "--quick",
            "--sizes=8,12",
            "--rates=1,2.5",
        ]
    )
    assert given() == {
        "name": "mine",
        "count": 5,
        "rate": 0.5,
        "quick": True,
        "sizes": (8, 12),
        "rates": (1.0, 2.5),
    }
    assert [type(size) for size in given()["sizes"]] == [int, int]
    assert [type(rate) for rate in given()["rates"]] == [float, float]


def test_flags_that_were_not_given_say_nothing(values):
    given = scripts.define_flags(Table)
    values(["script"])
    assert given() == {}


def test_false_zero_and_nothing_are_given_too(values):
    given = scripts.define_flags(Table)
    values(["script", "--noquick", "--count=0", "--sizes=", "--name="])
    assert given() == {"quick": False, "count": 0, "sizes": (), "name": ""}


def test_dictionaries_and_skipped_fields_have_no_flag(values):
    scripts.define_flags(Table, skip=("count",))
    assert "name" in values
    for name in ("count", "changes", "parts"):
        assert name not in values


def test_help_is_the_docstring(values):
    scripts.define_flags(Table, prefix="Table. ")
    assert values["name"].help == "Table. What it is called, which may be long."
    assert values["count"].help == "Table. How many."
    assert values["sizes"].help.endswith("how large. Comma separated.")


@pytest.mark.parametrize("flag", ["--sizes=a,b", "--sizes=1,,2", "--rates=x"])
def test_a_wrong_list_names_its_flag(values, flag):
    given = scripts.define_flags(Table)
    values(["script", "--name=mine", flag])
    with pytest.raises(ValueError, match=flag):
        given()


@pytest.mark.parametrize("flag", ["--count=many", "--rate=fast"])
def test_values_of_a_wrong_type_are_refused(values, flag):
    scripts.define_flags(Table)
    with pytest.raises(flags.IllegalFlagValueError, match=flag[2:6]):
        values(["script", flag])


def test_every_plain_field_of_a_recipe_has_a_flag(values):
    scripts.define_flags(Recipe, skip=("name",))
    without = {
        field.name
        for field in dataclasses.fields(Recipe)
        if field.name not in values
    }
    assert without == {"name", "family_changes", "keep_largest", "phases"}

import pytest

from keras_elastic import untrusted


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{", "damaged"),
        ("[1]", "of type list"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": -Infinity}', "-Infinity is no number"),
        ('{"a": 1e999}', "1e999 is too large"),
        ('{"a": ' + 5000 * "9" + "}", "must be JSON"),
        (100_000 * '{"a":' + "1" + 100_000 * "}", "nested too deep"),
        ('{"a": "\xff"}', "damaged"),
    ],
)
def test_what_is_no_sound_json_is_refused(tmp_path, text, expected):
    path = tmp_path / "model.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=f"model.json'.*{expected}.*Try ag"):
        untrusted.read_json(path, "Try again.")


def test_a_file_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(untrusted, "_MOST_BYTES", 3)
    path = tmp_path / "model.json"
    path.write_text("{   }")
    with pytest.raises(ValueError, match="3 bytes at most. Received: 5"):
        untrusted.read_json(path, "Try again.")


def test_sound_json_is_read(tmp_path):
    path = tmp_path / "model.json"
    path.write_text('{"a": [1, 2.5, "é", null]}', "utf-8")
    assert untrusted.read_json(path, "") == {"a": [1, 2.5, "é", None]}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a cat, ein Kätzchen, 猫\n", "a cat, ein Kätzchen, 猫\n"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("a\rb\u202eb\u2028", "a\\rb\\u202eb\\u2028"),
        ("\udcff", "\\udcff"),
        (3, "3"),
    ],
)
def test_what_is_printed(text, expected):
    assert untrusted.printable(text) == expected

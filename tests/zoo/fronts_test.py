import dataclasses

import pytest
from tiny_entry import FAMILY

from keras_elastic import families
from keras_elastic import zoo
from keras_elastic.selection import Front
from keras_elastic.spaces import costs
from keras_elastic.zoo.fronts import load_archs
from keras_elastic.zoo.writing import write_model


def test_of_a_run_and_of_a_file(written):
    expected = [row.arch for row in written.front.rows]
    for name in (written.folder, written.folder / "front.csv"):
        assert load_archs(str(name), FAMILY) == expected


def test_of_an_entry():
    entry = zoo.find_entry("bignas_digits")
    archs = load_archs("bignas_digits", entry.family)
    assert archs == [row.arch for row in entry.front.rows]


def test_a_front_of_other_classes(written, tmp_path):
    rows = [
        dataclasses.replace(row, **costs(FAMILY.plan(row.arch, 99))._asdict())
        for row in written.front.rows
    ]
    Front(rows).write(tmp_path / "front.csv")
    archs = load_archs(tmp_path / "front.csv", FAMILY)
    assert archs == [row.arch for row in written.front.rows]


@pytest.mark.parametrize("file", ["", "front.csv"])
def test_a_front_of_another_family(written, file):
    name = str(written.folder / file)
    with pytest.raises(ValueError, match="family 'bignas'.*another family"):
        load_archs(name, families.get("bignas"))


def test_a_front_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"absent.csv' \(.*No such file"):
        load_archs(tmp_path / "absent.csv", FAMILY)
    with pytest.raises(ValueError, match="`drawn_from` must be.*'absent'"):
        load_archs("absent", FAMILY)


@pytest.mark.parametrize(
    "text", ["flops,params\n1,2\n", "architecture\n{}\n", "\x00\n", "a\n\n1"]
)
def test_a_file_that_is_no_front(tmp_path, text):
    path = tmp_path / "front.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match="column `architecture`.*front.csv"):
        load_archs(path, FAMILY)


def test_an_entry_without_a_front(tmp_path):
    write_model(
        tmp_path, name="new", family=FAMILY, dataset="x", class_names=("a", "b")
    )
    with pytest.raises(ValueError, match="`drawn_from`.*no trained weights"):
        load_archs(tmp_path, FAMILY)

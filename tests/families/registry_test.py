import dataclasses
import json

import pytest

from keras_elastic import families
from keras_elastic.families import registry
from keras_elastic.spaces import costs


@pytest.fixture(autouse=True)
def registry_of_ones_own(monkeypatch):
    """Families that a test registers are forgotten after it."""
    known = dict(registry._FAMILIES)
    monkeypatch.setattr(registry, "_FAMILIES", known)


@dataclasses.dataclass(frozen=True)
class Toy:
    name: str
    width: tuple[int, ...] = (8, 16)


def test_names_are_sorted():
    assert list(families.names()) == sorted(families.names())
    assert {
        "attentivenas",
        "bignas",
        "bignas_cifar10",
        "bignas_digits",
        "efficientnet_b0",
    } <= set(families.names())


@pytest.mark.parametrize("name", families.names())
def test_a_family_has_the_name_that_finds_it(name):
    assert families.get(name).name == name
    assert families.get(name).space.name == name


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError) as error:
        families.get("bignass")
    assert str(list(families.names())) in str(error.value)
    assert "Received: name='bignass'" in str(error.value)


def test_changes_replace_fields_of_the_table():
    family = families.get("bignas", resolution=(96, 128), dropout=0.0)
    assert family.space.resolution == (96, 128)
    assert family.dropout == 0.0
    assert family.stages == families.get("bignas").stages
    assert families.get("bignas").dropout == 0.2


def test_changes_may_be_lists():
    changed = families.get("bignas", resolution=[96, 128])
    assert changed == families.get("bignas", resolution=(96, 128))


def test_an_unknown_field_lists_the_fields():
    with pytest.raises(ValueError) as error:
        families.get("bignas", resolutions=(96,), color=3)
    assert "The table of 'bignas' has the fields" in str(error.value)
    assert "'resolution'" in str(error.value)
    assert "Received: ['color', 'resolutions']" in str(error.value)


def test_register_makes_a_family_known():
    toy = Toy("toy")
    assert families.register(toy) is toy
    assert families.get("toy") == toy
    assert "toy" in families.names()


def test_a_family_may_be_registered_twice():
    families.register(Toy("toy"))
    families.register(Toy("toy"))
    assert families.names().count("toy") == 1


def test_a_name_cannot_be_taken_twice():
    families.register(Toy("toy"))
    with pytest.raises(ValueError, match="The name 'toy' is taken"):
        families.register(Toy("toy", width=(8,)))
    assert families.get("toy").width == (8, 16)


@pytest.mark.parametrize("name", families.names())
def test_json_round_trip(name):
    family = families.get(name)
    config = json.loads(json.dumps(families.serialize(family)))
    same = families.deserialize(config)
    assert same == family
    assert same.space == family.space
    arch = family.space.largest
    assert costs(same.plan(arch, 10)) == costs(family.plan(arch, 10))


def test_json_round_trip_of_a_changed_table():
    family = families.get("bignas", resolution=(96,), head=(640,))
    config = json.loads(json.dumps(families.serialize(family)))
    assert families.deserialize(config) == family


def test_a_config_holds_the_whole_table():
    family = families.get("efficientnet_b0")
    table = families.serialize(family)["table"]
    assert list(table) == [field.name for field in dataclasses.fields(family)]
    assert table["resolution"] == (224,)
    assert table["stages"][0]["expand_ratio"] == (1,)
    assert table["transition_shortcuts"] is False


def test_a_config_written_before_a_field_was_added():
    config = families.serialize(families.get("bignas"))
    del config["table"]["transition_shortcuts"]
    assert families.deserialize(config) == families.get("bignas")


def test_deserialize_makes_registered_classes():
    families.register(Toy("toy"))
    config = {"class_name": "Toy", "table": {"name": "toy", "width": [8, 16]}}
    assert families.deserialize(config) == Toy("toy")


@pytest.mark.parametrize(
    "config", [{"class_name": "Toy", "table": {}}, {}, None, "EfficientNet"]
)
def test_deserialize_of_an_unknown_class_lists_the_known(config):
    with pytest.raises(ValueError, match=r"class .*'EfficientNet'"):
        families.deserialize(config)


@pytest.mark.parametrize("find", [families.get, families.network])
def test_a_name_that_is_nearly_right(find):
    name = "bignas_cifar10" if find is families.get else "attentivenas_a0"
    with pytest.raises(ValueError, match=f"Did you mean '{name}'?"):
        find(name.replace("na", "n", 1))

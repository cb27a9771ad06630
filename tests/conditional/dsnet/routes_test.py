import dataclasses

import dsnet_models
import pytest

from keras_elastic import families
from keras_elastic.conditional.dsnet import routes as dsnet_routes
from keras_elastic.spaces import costs


def windowed(name, window):
    gates = dsnet_routes.check_window(families.get(name).gates, window)
    return gates[0].choices


def test_named_windows():
    assert windowed("ds_mobilenet", "S") == (1, 2, 3, 4)
    assert windowed("ds_mobilenet", "M") == (6, 7, 8, 9)
    assert windowed("ds_mobilenet", "L") == (11, 12, 13, 14)
    assert windowed("ds_efficientnet", "S") == (75, 80, 85, 90)


def test_named_windows_of_few_widths_differ():
    named = [windowed("ds_resnet50", window) for window in "SML"]
    assert named == [(25, 50, 75), (25, 50, 75, 100), (50, 75, 100)]
    named = [windowed("ds_mobilenet_cifar10", window) for window in "SML"]
    assert named == [(1, 2, 3, 4), (1, 2, 3, 4, 5), (2, 3, 4, 5)]
    gates = families.get("ds_resnet50", width=(50, 100)).gates
    with pytest.raises(ValueError, match="`window` must be `None`.*two widths"):
        dsnet_routes.check_window(gates, "S")


@pytest.mark.parametrize(
    "window, published", [("S", 1.2e9), ("M", 2.2e9), ("L", 3.1e9)]
)
def test_the_windows_of_ds_resnet_reach_what_is_published(window, published):
    assert_within("ds_resnet50", window, published)


@pytest.mark.parametrize(
    "window, published", [("S", 153e6), ("M", 319e6), ("L", 565e6)]
)
def test_the_windows_of_ds_mobilenet_reach_what_is_published(window, published):
    assert_within("ds_mobilenet", window, published)


def assert_within(name, window, published):
    family = families.get(name)
    gates = dsnet_routes.check_window(family.gates, window)
    narrow, wide = (
        costs(
            family.plan(
                dataclasses.replace(
                    family.space.largest,
                    width=tuple(gate.choices[place] for gate in gates),
                ),
                classes=1000,
            )
        ).flops
        for place in (0, -1)
    )
    # The print has three digits.
    assert 0.995 * narrow <= published <= 1.005 * wide


def test_labels():
    for window in ("S", "M", "L", None, (85, 100)):
        assert dsnet_routes.parse(dsnet_routes.label(window)) == window
    assert dsnet_routes.label((85, 100)) == "85-100"
    for wrong in ("XL", "85", "a-b", "1-2-3", "-1-2", "s"):
        with pytest.raises(ValueError, match="A window must be one of"):
            dsnet_routes.parse(wrong)


def test_a_name_in_a_file_is_what_it_was():
    family = families.get("ds_resnet50")
    for window in "SML":
        assert dsnet_routes.written_window(family, window) == (25, 100)
    family = families.get("ds_mobilenet")
    assert dsnet_routes.written_window(family, "M") == (6, 9)
    assert dsnet_routes.written_window(family, [2, 4]) == [2, 4]
    assert dsnet_routes.written_window(family, None) is None


def test_a_pair_is_inclusive():
    assert windowed("ds_mobilenet", (3, 6)) == (3, 4, 5, 6)
    assert windowed("ds_mobilenet", None) == tuple(range(1, 15))


def test_routes_of_one_gate():
    family = dsnet_models.MOBILENET
    parts = dsnet_routes.routes_of(family, family.gates, 16)
    widths = [[arch.width for arch in part] for part in parts]
    assert widths == [[(1,)], [(1,), (2,), (3,), (4,), (5,)]]


def test_routes_of_two_gates_are_pairs():
    family = dsnet_models.RESNET
    parts = dsnet_routes.routes_of(family, family.gates, 16)
    widths = [[arch.width for arch in part] for part in parts]
    assert widths[:2] == [[(50, 50)], [(50, 50), (100, 100), (150, 150)]]
    assert widths[2] == [
        (before, chosen)
        for before in (50, 100, 150)
        for chosen in (50, 100, 150)
    ]


def test_every_way_of_the_paper_is_measured_once():
    archs = dsnet_routes.architectures("ds_resnet50")
    # Four uniform ones, and twelve pairs at each of three places.
    assert len(archs) == len(set(archs)) == 4 + 3 * 12


def test_the_part_before_a_gate_is_that_of_its_pair():
    """What lies in a part is the same in every subnet of the same pair."""
    family = families.get("ds_resnet50")
    first, *_ = dsnet_routes.routes_of(family, family.gates, 224)[3][1:2]
    assert first.width == (25, 25, 50, 50)


def test_the_widest_is_of_the_window():
    family = families.get("ds_mobilenet")
    gates = dsnet_routes.check_window(family.gates, (2, 5))
    assert dsnet_routes.widest(family, gates, 224).width == (5,)


def test_the_teacher_is_no_choice():
    with pytest.raises(ValueError, match=r"`window` must be.*\(1, 15\)"):
        windowed("ds_mobilenet", (1, 15))

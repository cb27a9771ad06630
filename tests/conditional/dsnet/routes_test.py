import dsnet_models
import pytest

from keras_elastic import families
from keras_elastic.conditional.dsnet import routes as dsnet_routes


def windowed(name, window):
    gates = dsnet_routes.check_window(families.get(name).gates, window)
    return gates[0].choices


def test_named_windows():
    assert windowed("ds_mobilenet", "S") == (1, 2, 3, 4)
    assert windowed("ds_mobilenet", "M") == (6, 7, 8, 9)
    assert windowed("ds_mobilenet", "L") == (11, 12, 13, 14)
    assert windowed("ds_efficientnet", "S") == (75, 80, 85, 90)
    assert windowed("ds_resnet50", "M") == (25, 50, 75, 100)


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

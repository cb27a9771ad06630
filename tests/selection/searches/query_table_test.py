from dataclasses import replace

import pytest
from selection.searches import search_checks

from keras_elastic import families
from keras_elastic.selection.budget import Budget
from keras_elastic.selection.front import Score
from keras_elastic.selection.searches.query_table import QueryTable
from keras_elastic.selection.searches.query_table import QueryTableSearch
from keras_elastic.selection.searches.query_table import configurations
from keras_elastic.spaces import costs

FAMILY = families.get("mobilenet_v1")
CLASSES = 1000
# Top-1 of published configurations, by width in percent and resolution:
# MutualNet's release, MobileNet v1.
PUBLISHED = {
    (100, 224): 72.4,
    (95, 224): 71.7,
    (90, 224): 71.2,
    (100, 192): 70.9,
    (95, 192): 70.6,
    (90, 192): 70.2,
    (85, 192): 69.7,
    (80, 192): 69.1,
    (75, 192): 68.4,
    (85, 160): 67.7,
    (25, 128): 45.5,
}


def published_score(arch):
    top1 = PUBLISHED.get((arch.width[0], arch.resolution), 0) / 100
    return Score(top1, top1 - 1)


def measure(score=published_score, **arguments):
    return QueryTable.measure(FAMILY, CLASSES, score, **arguments)


@pytest.mark.parametrize(
    "check", search_checks.CHECKS, ids=lambda check: check.__name__
)
def test_contract(check):
    check(QueryTableSearch())


@pytest.mark.parametrize(
    "family", [search_checks.BIGNAS, search_checks.ONCE_FOR_ALL]
)
def test_beats_random_search(family):
    advantage = search_checks.advantage_over_random(
        QueryTableSearch(), family, seeds=8
    )
    assert advantage > 0


def test_only_what_a_budget_allows_is_scored():
    search_checks.check_only_what_a_budget_allows_is_scored(QueryTableSearch())


# Configurations


def test_configurations_of_one_width_are_the_space():
    archs = configurations(FAMILY.space)
    assert len(set(archs)) == len(archs) == FAMILY.space.size == 64
    assert [(a.resolution, a.width[0]) for a in archs[:3]] == [
        (128, 25),
        (128, 30),
        (128, 35),
    ]


@pytest.mark.parametrize("name", families.names())
def test_configurations_are_distinct_and_have_the_ends(name):
    space = families.get(name).space
    archs = configurations(space)
    assert len(set(archs)) == len(archs)
    assert all(space.contains(arch) for arch in archs)
    assert {space.smallest, space.largest} <= set(archs)
    assert {arch.resolution for arch in archs} == set(space.resolution)


def test_levels_of_a_general_space_are_network_wide():
    space = search_checks.ONCE_FOR_ALL.space
    archs = configurations(space)
    assert len(archs) == len(space.resolution) * 3
    assert {arch.depth for arch in archs} == {(2,) * 5, (3,) * 5, (4,) * 5}


def test_finer_widths_have_a_table_of_fewer_levels():
    # MutualNet draws any width, and has every fifth in its table.
    fine = families.get("mobilenet_v1", width=tuple(range(25, 101)))
    assert fine.space.size == 4 * 76
    assert len(configurations(fine.space)) == 4 * 76
    table = configurations(fine.space, levels=16)
    assert table == configurations(FAMILY.space)
    assert len(configurations(FAMILY.space, levels=99)) == 64
    # They are other networks: layers are rounded to multiples of 8.
    widths = range(25, 101)
    archs = [replace(fine.space.largest, width=(w,)) for w in widths]
    flops = [costs(fine.plan(arch, CLASSES)).flops for arch in archs]
    assert len(set(flops)) > 70
    with pytest.raises(ValueError, match="`levels` must be"):
        QueryTableSearch(levels=0)


# Tables


def test_the_published_table():
    table = measure()
    found = {
        (row.arch.width[0], row.arch.resolution): 100 * row.held_out_top1
        for row in table.rows
    }
    assert found == pytest.approx(PUBLISHED)


@pytest.mark.parametrize(
    "flops, width, resolution",
    [(600e6, 100, 224), (500e6, 90, 224), (420e6, 100, 192), (239e6, 85, 160)],
)
def test_best(flops, width, resolution):
    row = measure().best(Budget(flops=flops), "mobilenet_v1")
    assert (row.arch.width, row.arch.resolution) == ((width,), resolution)


def test_rows_grow_in_flops_and_accuracy():
    table = measure(lambda arch: Score(arch.width[0] % 7 / 7, 0.0))
    flops = [row.flops for row in table.rows]
    top1 = [row.held_out_top1 for row in table.rows]
    assert flops == sorted(flops)
    assert top1 == sorted(set(top1))
    assert len(table.rows) < 64


def test_the_whole_table_is_scored_if_wanted():
    fitting = [
        arch
        for arch in configurations(FAMILY.space)
        if costs(FAMILY.plan(arch, CLASSES)).flops <= 1.2e8
    ]
    for whole, count in ((False, len(fitting)), (True, 64)):
        asked = []
        search = QueryTableSearch(whole=whole)

        def score(arch, asked=asked):
            asked.append(arch)
            return published_score(arch)

        [found] = search.search(FAMILY, CLASSES, score, [Budget(flops=1.2e8)])
        assert len(asked) == count
        assert found.costs.flops <= 1.2e8


def test_out_of_reach():
    with pytest.raises(ValueError, match="meets flops <= 1e6"):
        measure().best(Budget(flops=1e6), "mobilenet_v1")


def test_write_and_read(tmp_path):
    table = measure()
    table.write(tmp_path / "table.csv")
    read = QueryTable.read(tmp_path / "table.csv", FAMILY, CLASSES)
    assert isinstance(read, QueryTable)
    assert read.rows == table.rows
    with pytest.raises(ValueError, match="The front says"):
        QueryTable.read(tmp_path / "table.csv", FAMILY, 10)


def test_progress():
    reports = []
    measure(progress=lambda *report: reports.append(report))
    assert reports == [(done, 64) for done in range(1, 65)]


def test_costs_of_rows():
    for row in measure().rows:
        assert row.costs == costs(FAMILY.plan(row.arch, CLASSES))


def test_a_score_that_is_no_score():
    with pytest.raises(ValueError, match="Received: 0.5"):
        measure(lambda arch: 0.5)

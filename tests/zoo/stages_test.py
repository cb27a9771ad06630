import types

import pytest
import tiny_runs

from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.zoo import recipes
from keras_elastic.zoo import stages


def read(kind, folder, **changes):
    tiny_runs.write_recipe(kind, folder)
    return zoo.read_recipe(folder / f"{kind}.py", changes)


class Run:
    """What is asked of a `Run`."""

    classes = 10
    dataset = types.SimpleNamespace(
        **{
            name: types.SimpleNamespace(size=size)
            for name, size in (("train", 640), ("held_out", 64), ("test", 128))
        }
    )

    def steps_per_epoch(self, recipe):
        return 640 // recipe.batch_size


def names(left):
    return list(left._work)


def test_stages_of_a_supernet(tmp_path):
    recipe = read("supernet", tmp_path)
    left = stages.time_left(recipe, Run(), compare=True)
    assert names(left) == ["training", "selection", "test", "alone"]
    assert all(work > 0 for work in left._work.values())
    # A sandwich of four has four passes, alone there is one.
    assert left._work["training"] == 4 * left._work["alone"]


def test_stages_of_phases(tmp_path):
    phases = ({"name": "first", "epochs": 1}, {"name": "second"})
    recipe = read("supernet", tmp_path, phases=phases)
    assert names(stages.time_left(recipe, Run()))[:2] == ["first", "second"]


@pytest.mark.parametrize(
    "kind, expected",
    [
        ("basisnet", ["basisnet", "report"]),
        ("condconv", ["condconv", "report"]),
        ("dsnet", ["training", "gates_S", "report"]),
    ],
)
def test_stages_of_a_conditional_model(tmp_path, kind, expected):
    recipe = read(kind, tmp_path)
    if kind == "dsnet":
        recipe = recipe.replace(windows=("S",))
    assert names(stages.time_left(recipe, Run())) == expected


def test_candidates_are_counted_as_the_search_does(tmp_path):
    recipe = read("supernet", tmp_path, mutants=3)
    scored, told = [], []
    recipes.make_search(recipe).search(
        recipe.make_family(),
        10,
        lambda arch: scored.append(arch) or 0.0,
        [Budget(flops=flops) for flops in recipe.budgets],
        lambda done, total: told.append(total),
    )
    assert stages.count_candidates(recipe, 10) == told[0]

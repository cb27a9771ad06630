"""Entries of conditional models: loaded by mean budget, or refused.

Tests of `conditional/cascades/writing.py` and `conditional/drawn_plans.py`,
too.
"""

import functools

import basisnet_tiny
import command_runs
import conditional_entries
import exploring_pages
import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic import command_line
from keras_elastic import selection
from keras_elastic import spaces
from keras_elastic import zoo
from keras_elastic.conditional.basisnet.early_exit import stages_of
from keras_elastic.zoo import initial
from keras_elastic.zoo import listing


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    """Function that makes an entry of a kind, once."""
    folder = tmp_path_factory.mktemp("entries")
    return functools.cache(
        lambda kind: conditional_entries.MAKERS[kind](folder / kind)
    )


@pytest.fixture(scope="module", params=conditional_entries.MAKERS)
def entry(request, entries):
    return entries(request.param)


@pytest.fixture(scope="module")
def model(entry):
    """The most accurate model of an entry, which no test changes."""
    return ke.load(entry.folder)


@pytest.fixture(scope="module")
def images(model):
    size = model.input_shape[1]
    rng = np.random.default_rng(1)
    return rng.uniform(0, 255, (8, size, size, 3)).astype("float32")


def between(entry):
    """A budget in the middle of a front."""
    first, last = entry.front.rows[0].flops, entry.front.rows[-1].flops
    return first + 0.5 * (last - first)


def test_a_folder_is_found_as_what_it_is(entry):
    found = zoo.find_entry(entry.folder)
    assert found.kind == entry.kind
    assert found.front.rows == entry.front.rows
    assert len(entry.front.rows) > 1


def test_a_front_costs_more_for_more(entry):
    rows = entry.front.rows
    flops = [row.flops for row in rows]
    top1 = [row.held_out_top1 for row in rows]
    assert flops == sorted(set(flops)) and top1 == sorted(set(top1))
    assert flops[-1] <= entry.most_flops


def test_it_is_loaded_by_its_folder(entry, model, images):
    assert model.class_names == entry.class_names
    assert model.compiled
    assert model(images).shape == (8, entry.classes)
    # Not all layers can run none.
    assert model(images[:0]).shape == (0, entry.classes)


def test_the_table_of_the_zoo_has_it(entry):
    summary = listing.ModelSummary.of(entry)
    rows = entry.front.rows
    assert summary.family == entry.label
    assert summary.flops == (rows[0].flops, rows[-1].flops)
    assert summary.trained and summary.size > 0


def test_the_command_line_knows_it(entry, capsys):
    folder = str(entry.folder)
    assert command_line.main(["info", folder]) == 0
    printed = capsys.readouterr().out
    assert entry.label in printed and entry.front.rows[0].file in printed
    budget = f"--flops={between(entry)}"
    assert command_line.main(["load", folder, budget]) == 0
    assert "on average" in capsys.readouterr().out


def test_its_page(entry, model, tmp_path):
    page = zoo.explore(entry.folder, tmp_path / "page.html")
    data = exploring_pages.read(page)
    assert data["kind"] == entry.kind
    for shown, row in zip(data["rows"], entry.front.rows, strict=True):
        assert entry.choose(selection.Budget(flops=shown["budget"])) == row
        assert shown["bytes"] > 0
    # The networks that the most accurate model is made of.
    networks = [data["networks"][n] for n in data["rows"][-1]["networks"]]
    assert all(network["title"] for network in networks)
    first, last = (networks[place]["flops"] for place in (0, -1))
    if entry.kind == "basisnet":
        plans = (model.light, model.specialist)
        assert (first, last) == tuple(spaces.costs(p).flops for p in plans)
    elif entry.kind == "dsnet":
        ways = [sum(part[n] for part in model.flops) for n in (0, -1)]
        assert [first, last] == ways
    else:
        assert [n["flops"] for n in networks] == list(model.flops)


def test_random_weights(entry, model, images):
    random = ke.load(entry.folder, weights=None)
    assert not np.allclose(random(images), model(images))


def test_a_preset_of_it(entry, images, tmp_path):
    model = ke.load(entry.folder, flops=between(entry))
    ke.save_preset(model, tmp_path / "preset")
    loaded = ke.load(tmp_path / "preset")
    assert type(loaded) is type(model)
    assert loaded.class_names == entry.class_names
    np.testing.assert_allclose(loaded(images), model(images), atol=1e-5)


@pytest.mark.parametrize("part", [-0.01, 1.01])
def test_a_mean_budget_that_cannot_be(entry, part):
    least, most = entry.front.rows[0].flops, entry.most_flops
    flops = least * (1 + part) if part < 0 else most * part
    with pytest.raises(ValueError, match="`flops`.*mean over images"):
        ke.load(entry.folder, flops=flops)


@pytest.mark.parametrize(
    "arguments, named",
    [
        ({"params": 1e6}, "one set of weights"),
        ({"resolution": 12}, "one set of weights"),
        ({"include_top": False}, "trunk"),
        ({"classes": 3, "multi_label": True}, "multi_label|classes"),
    ],
)
def test_what_is_refused(entry, arguments, named):
    with pytest.raises(ValueError, match=named):
        ke.load(entry.folder, **arguments)


def test_an_architecture_is_refused(entry):
    arch = zoo.find_entry("bignas_digits").front.rows[0].arch
    with pytest.raises(ValueError, match="`arch`"):
        ke.load(entry.folder, arch=arch)


def test_a_pyramid_is_refused(model):
    with pytest.raises(ValueError, match="one trunk"):
        ke.feature_pyramid(model)


def test_it_has_no_supernet(entry):
    for of_a_supernet in (ke.load_supernet, ke.select):
        with pytest.raises(ValueError, match="entry of a supernet"):
            of_a_supernet(entry.folder)
    with pytest.raises(ValueError, match="entry of a supernet"):
        initial.load_initial(str(entry.folder), None, entry.classes)
    with pytest.raises(ValueError, match="find_entry"):
        zoo.Entry(entry.folder)


def test_a_changed_model_is_refused(entry, tmp_path):
    path = entry.folder / entry.front.rows[-1].file
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1] + b"?")
        with pytest.raises(ValueError, match="damaged or was changed"):
            ke.load(entry.folder)
    finally:
        path.write_bytes(content)


# Each kind


@pytest.fixture(scope="module")
def basisnet(entries):
    return entries("basisnet")


@pytest.fixture(scope="module")
def dsnet(entries):
    return entries("dsnet")


def test_the_exit_meets_the_budget_on_average(basisnet):
    images = basisnet_tiny.images(64)
    budget = between(basisnet)
    model = ke.load(basisnet.folder, flops=budget)
    light, _, _ = stages_of(model)(images)
    decided = np.asarray(model.get_layer("exit").decides(light))
    costs = model.costs
    mean = np.where(decided, costs.light_flops, costs.flops).mean()
    assert 0.5 * budget < mean <= budget
    cheapest = ke.load(basisnet.folder, flops=costs.light_flops)
    np.testing.assert_allclose(cheapest(images), light, atol=1e-5)


def test_the_window_meets_the_budget_on_average(dsnet):
    assert ke.load(dsnet.folder, flops=between(dsnet)).window == (1, 2)
    assert ke.load(dsnet.folder).window == (3, 5)


@pytest.mark.parametrize("kind", ["basisnet", "dsnet"])
def test_new_classes_leave_all_but_the_head(kind, entries):
    entry = entries(kind)
    old, new = ke.load(entry.folder), ke.load(entry.folder, classes=3)
    assert new.output_shape == (None, 3)
    assert not hasattr(new, "class_names")
    assert new.head_layers
    for layer in new.layers:
        same = [
            np.array_equal(a, b)
            for a, b in zip(
                layer.get_weights(),
                old.get_layer(layer.name).get_weights(),
                strict=True,
            )
        ]
        assert all(same) or layer.name in new.head_layers


def test_a_new_head_has_no_exit(basisnet):
    assert ke.load(basisnet.folder, classes=3).exit_threshold is None
    with pytest.raises(ValueError, match="says nothing of a new one"):
        ke.load(basisnet.folder, classes=3, flops=between(basisnet))


def test_a_cascade_gets_no_new_head(entries, tmp_path):
    entry = entries("cascade")
    assert entry.front.rows[0].test_top1 is not None
    with pytest.raises(ValueError, match="`classes`"):
        ke.load(entry.folder, classes=3)
    with pytest.raises(ValueError, match="`report`"):
        ke.load(entry.folder).write_entry(tmp_path / "other")


def test_a_cascade_is_not_fine_tuned(entries, capsys, tmp_path):
    folder, out = entries("cascade").folder, tmp_path / "out"
    status, _, err = command_runs.run(
        capsys, "finetune", folder, "--dataset=digits", f"--out={out}"
    )
    assert status == 1 and "fine-tune them" in err
    assert not out.exists()

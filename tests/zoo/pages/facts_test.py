import itertools

import keras
import pytest

import keras_elastic as ke
from keras_elastic import export
from keras_elastic import families
from keras_elastic import zoo
from keras_elastic.export.folding import FoldedChild
from keras_elastic.models import build_child
from keras_elastic.spaces import costs
from keras_elastic.zoo.pages import facts

NAMES = families.names()


def ends(name):
    family = families.get(name)
    for arch in (family.space.smallest, family.space.largest):
        yield family.plan(arch, 10)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_cost_what_the_network_costs(name):
    for plan in ends(name):
        drawing = facts.Drawing()
        network = drawing.network(plan, plan=3)
        shown = [drawing.blocks[p] for p in network["blocks"] if p >= 0]
        flops, params, memory = zip(*(b[-3:] for b in shown), strict=True)
        assert (sum(flops), sum(params), max(memory)) == costs(plan)
        assert network["flops"] == sum(flops)
        assert (network["plan"], network["resolution"]) == (3, plan.resolution)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_follow_each_other(name):
    for plan in ends(name):
        live = [facts.block_facts(b, plan) for b in plan.blocks if b.live]
        assert live[0][0][0] == 3 and live[-1][0][-1] == 10
        assert live[0][2] == plan.resolution and live[-1][3] == 1
        for before, after in itertools.pairwise(live):
            assert before[0][-1] == after[0][0]
            assert before[3] == after[2]


def test_skipped_blocks_and_equal_blocks():
    family = families.get("bignas_digits")
    largest = family.plan(family.space.largest, 10)
    smallest = family.plan(family.space.smallest, 10)
    drawing = facts.Drawing()
    blocks = drawing.network(largest)["blocks"]
    count = len(drawing.blocks)
    assert min(blocks) == 0
    # Two blocks of a stage with shortcuts are one and the same drawing.
    assert len(set(blocks)) == count < len(blocks)
    again = drawing.network(largest)["blocks"]
    assert again == blocks and len(drawing.blocks) == count
    skipped = [place < 0 for place in drawing.network(smallest)["blocks"]]
    assert skipped == [not block.live for block in smallest.blocks]
    assert any(skipped)


def test_what_is_said_of_a_block():
    family = families.get("bignas_digits")
    plan = family.plan(family.space.largest, 10)
    [block] = [b for b in plan.blocks if b.name == "stage2_block1"]
    channels, kernel, size, out_size, attends, *_ = facts.block_facts(
        block, plan
    )
    assert channels == (16, 96, 24)
    assert (kernel, size, out_size, attends) == (5, 12, 6, 1)


@pytest.mark.parametrize(
    "name",
    ["bignas_digits", pytest.param("vgg16", marks=pytest.mark.exhaustive)],
)
def test_an_export_stores_as_many_numbers(name):
    family = families.get(name)
    plan = family.plan(family.space.smallest, 10)
    child = build_child(plan)
    weights = FoldedChild(child).weights.values()
    kernels = sum(w.size for w in weights if w.ndim > 1)
    biases = sum(w.size for w in weights if w.ndim == 1)
    keras.backend.clear_session()
    assert facts.stored_numbers(plan) == (kernels, biases)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, quantization",
    [
        ("float32", None),
        pytest.param("float16", "float16", marks=pytest.mark.exhaustive),
        ("int8", "dynamic"),
    ],
)
def test_a_file_is_little_larger_than_its_weights(tmp_path, kind, quantization):
    entry = zoo.find_entry("bignas_digits")
    row = entry.front.rows[-1]
    model = ke.load("bignas_digits", flops=row.flops)
    path = export.litert(model, tmp_path / "model.tflite", quantization)
    counted = facts.weight_sizes(entry.family.plan(row.arch, entry.classes))
    size = path.stat().st_size
    assert counted[kind] < size < counted[kind] + 80_000


@pytest.mark.parametrize("name", NAMES)
def test_stages_are_together(name):
    plan = next(ends(name))
    named = facts.name_blocks(plan)
    assert [block for block, _ in named] == [b.name for b in plan.blocks]
    stages = [stage for stage, _ in itertools.groupby(s for _, s in named)]
    assert len(set(stages)) == len(stages) >= 3


def test_blocks_that_are_numbered_through_go_by_stride():
    family = families.get("mobilenet_v1")
    named = facts.name_blocks(family.plan(family.space.largest, 10))
    assert named[0] == ("stem", "stem") and named[-1] == ("head", "head")
    assert dict(named)["block1"] == "stride 2"
    assert dict(named)["block13"] == "stride 32"

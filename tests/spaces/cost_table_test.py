import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from space_strategies import quick
from space_strategies import small_families

from keras_elastic import families
from keras_elastic.spaces import Costs
from keras_elastic.spaces import PlanBuilder
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces import costs
from keras_elastic.spaces import where
from keras_elastic.spaces.cost_table import ROWS
from keras_elastic.spaces.cost_table import CostTable

CLASSES = 10


def check_equal(family, encoded, table=None):
    """The table's costs are those of the plan, to the last integer."""
    found = (table or CostTable(family, CLASSES))(encoded)
    counted = costs(family.plan(family.space.unstack(encoded), CLASSES))
    for name, cost, expected in zip(Costs._fields, found, counted, strict=True):
        assert cost.dtype == "int64" and cost.shape == (len(encoded),)
        np.testing.assert_array_equal(cost, expected, name)


def sample(family, seed=0, count=50):
    space = family.space
    drawn = space.sample_encoded(np.random.default_rng(seed), count)
    return np.concatenate([space.one_gene_changes, drawn])


@pytest.mark.parametrize("name", families.names())
def test_every_family(name):
    family = families.get(name)
    table = CostTable(family, CLASSES)
    assert table.is_tabulated
    check_equal(family, sample(family), table)


@quick
@given(small_families(), st.integers(0, 2**32 - 1))
def test_any_family(family, seed):
    check_equal(family, sample(family, seed, 20))


def test_costs_of_each():
    family = families.get("ofa_mobilenet_v3")
    encoded = sample(family, count=10)
    found = np.stack(CostTable(family, CLASSES)(encoded), axis=1)
    for row, expected in zip(encoded, found.tolist(), strict=True):
        plan = family.plan(family.space.decode(row), CLASSES)
        assert costs(plan) == tuple(expected)


@pytest.mark.parametrize("count", [0, 1, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS])
def test_any_number_of_architectures(count):
    family = families.get("bignas_digits")
    rng = np.random.default_rng(0)
    check_equal(family, family.space.sample_encoded(rng, count))


@pytest.mark.parametrize("order", ["C", "F"])
def test_any_order_in_memory(order):
    family = families.get("bignas")
    check_equal(family, np.array(sample(family), order=order))


def test_costs_beyond_32_bits():
    family = families.get("bignas", resolution=(2048,))
    encoded = family.space.encode(family.space.largest)[None]
    assert CostTable(family, CLASSES)(encoded).flops > 2**31
    check_equal(family, encoded)


@dataclasses.dataclass(frozen=True)
class Chain:
    """Layers whose channels depend on all of the genes before them."""

    layers: int
    optional: bool = False
    widths: tuple = (4, 5, 6, 7)
    write: object = None
    name: str = "chain"

    @property
    def space(self):
        widths = (self.widths,) * self.layers
        return SearchSpace("chain", (8, 9), widths, ((1, 2),), (), ())

    def plan(self, genes, classes):
        builder = PlanBuilder(genes.resolution)
        channels = 0
        for number, width in enumerate(genes.width):
            channels = channels + width
            live = not self.optional or number < genes.depth[0]
            with builder.block(f"layer{number}", live):
                filters = channels if self.write is None else self.write(width)
                builder.convolution("conv", filters, 3, strides=2)
        with builder.block("head"):
            builder.global_pooling("pool")
            builder.dense("classifier", classes)
        return builder.plan()


@pytest.mark.parametrize("layers, is_tabulated", [(3, True), (30, False)])
def test_what_depends_on_too_much_is_read_from_the_plan(layers, is_tabulated):
    family = Chain(layers)
    table = CostTable(family, CLASSES)
    assert table.is_tabulated == is_tabulated
    check_equal(family, sample(family), table)


def test_genes_of_one_choice_need_no_dimension():
    family = Chain(70, widths=(4,))
    table = CostTable(family, CLASSES)
    assert table.is_tabulated
    check_equal(family, sample(family), table)


def test_blocks_that_change_the_size_and_are_left_out():
    check_equal(Chain(3, optional=True), sample(Chain(3)))


@pytest.mark.parametrize(
    "write",
    [
        lambda width: where(width < 6, 2 * width, width // 2),
        lambda width: np.maximum(width, 6),
        lambda width: np.clip(width, 5, 6),
        lambda width: np.select([width < 5, width < 7], [1, 2], 3),
        lambda width: np.add(width, 1, dtype="int64"),
        lambda width: width + np.maximum.reduce([width, width // 2]),
        lambda width: width.astype("int32") ** 2,
    ],
)
def test_any_arithmetic(write):
    family = Chain(3, write=write)
    check_equal(family, sample(family))


def test_wrong_arguments():
    family = families.get("bignas_digits")
    with pytest.raises(ValueError, match="`family` must be"):
        CostTable("bignas_digits", CLASSES)
    with pytest.raises(ValueError, match="`classes` must be"):
        CostTable(family, 0)
    with pytest.raises(ValueError, match="`encoded` must be"):
        CostTable(family, CLASSES)(family.space.smallest)

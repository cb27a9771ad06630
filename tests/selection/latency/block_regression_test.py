import numpy as np
import pytest
from training.tiny import CLASSES
from training.tiny import FAMILY

from keras_elastic.selection.latency.blocks import BlockRegression
from keras_elastic.selection.latency.blocks import Calibration
from keras_elastic.selection.latency.blocks import distinct_blocks
from keras_elastic.selection.latency.blocks import features_of
from keras_elastic.spaces import Plan
from keras_elastic.spaces import costs

PRICES = np.array([0.05, 1e-6, 8e-6, 1e-6, 2e-6, 1e-3])
BLOCKS = [b.block for b in distinct_blocks(FAMILY, CLASSES).values()]


def priced(block):
    return float(PRICES @ np.array(features_of(block)))


def test_features_are_the_costs():
    for block in BLOCKS:
        counted = costs(Plan(block.size, (block,)))
        one, flops, depthwise, weights, memory, operations = features_of(block)
        assert one == 1
        assert flops + depthwise == counted.flops
        assert (weights, memory) == (4 * counted.params, counted.memory)
        assert operations == len(block.every_operation)


def test_depthwise_multiply_adds_are_apart():
    depthwise = [features_of(block)[2] for block in BLOCKS]
    assert min(depthwise) == 0 < max(depthwise)


def test_a_block_that_was_not_measured():
    known, unknown = BLOCKS[::2], BLOCKS[1::2]
    regression = BlockRegression(known, [priced(block) for block in known])
    for block in unknown:
        assert regression(block) == pytest.approx(priced(block), rel=0.02)


def test_no_latency_is_negative():
    rng = np.random.default_rng(0)
    noise = rng.lognormal(0, 1, len(BLOCKS))
    regression = BlockRegression(BLOCKS, noise)
    assert all(regression(block) > 0 for block in BLOCKS)


def test_one_block_is_enough():
    regression = BlockRegression(BLOCKS[:1], [0.25])
    assert regression(BLOCKS[0]) == pytest.approx(0.25)


def test_calibration_finds_its_numbers():
    truth = Calibration(overhead=0.3, per_block=-0.05, scale=1.1)
    counts = np.array([5, 6, 7, 8, 9])
    sums = np.array([1.0, 0.8, 3.0, 2.0, 5.0])
    found = Calibration.fit(counts, sums, truth(counts, sums))
    assert found == pytest.approx(truth)


def test_calibration_has_no_negative_overhead():
    counts, sums = np.array([4, 5, 6, 4]), np.array([1.0, 2.0, 3.0, 4.0])
    found = Calibration.fit(counts, sums, sums - 0.5 + 0.01 * counts)
    assert found.overhead >= 0 and found.scale >= 0

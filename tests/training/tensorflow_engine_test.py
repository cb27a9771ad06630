import keras
import numpy as np
import pytest
import tensorflow as tf
from training import tiny

from keras_elastic.training import InPlaceDistillation
from keras_elastic.training import Sandwich
from keras_elastic.training.settings import StepSettings
from keras_elastic.training.task import SubnetTask
from keras_elastic.training.tensorflow_engine import TensorFlowEngine
from keras_elastic.training.tensorflow_step import TensorFlowStep


def make_engine(**settings):
    supernet = tiny.make_supernet()
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(supernet.trainable_variables)
    settings = StepSettings(**settings)
    task = SubnetTask(supernet, Sandwich(), InPlaceDistillation())
    step = TensorFlowStep(task, optimizer, settings)
    return TensorFlowEngine(step, settings)


@pytest.fixture(scope="module")
def engine():
    return make_engine()


def batches_of(*arrays):
    """Batches that are the same in every epoch."""
    dataset = tf.data.Dataset.from_tensors(arrays)
    return lambda epoch, start: dataset


def images(count=8):
    return tiny.make_batch(count)[0]


def test_batches_of_an_epoch_from_a_place_on(engine):
    found = list(engine.iterate(tiny.batches, 2, 4))
    expected = list(tiny.batches(2, 4))
    assert len(found) == 2
    for (a, b), (c, d) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
    assert engine.batch_size == 8


def test_one_process_is_not_asked_for_a_part(engine):
    # It would not know what to do with the arguments.
    def batches(epoch, start_batch, **shard):
        assert not shard
        return tiny.batches(epoch, start_batch)

    assert len(list(engine.iterate(batches, 0, 0))) == 6


def test_one_process_is_the_chief(engine):
    assert engine.is_chief


@pytest.mark.parametrize(
    "arrays",
    [
        (images(),),
        (images(), np.eye(8)),
        (images()[0], np.arange(8)),
        (images(), np.arange(8), np.arange(8)),
    ],
    ids=["no labels", "one-hot labels", "one image", "three parts"],
)
def test_data_that_are_no_pairs_are_refused(engine, arrays):
    with pytest.raises(ValueError, match=r"`batches` must yield pairs"):
        list(engine.iterate(batches_of(*arrays), 0, 0))


def test_batches_of_different_sizes_are_refused(engine):
    dataset = tf.data.Dataset.from_tensor_slices((images(), np.arange(8)))
    with pytest.raises(ValueError, match="all batches of one size.*None"):
        list(engine.iterate(lambda epoch, start: dataset.batch(3), 0, 0))


def test_parts_must_divide_the_batch():
    engine = make_engine(accumulation_steps=3)
    with pytest.raises(ValueError, match="`accumulation_steps` must.*=3 and 8"):
        list(engine.iterate(tiny.batches, 0, 0))


def test_mixup_needs_pairs():
    engine = make_engine(mixup=0.2)
    batches = batches_of(images(7), np.arange(7))
    with pytest.raises(ValueError, match="`mixup`.*even.*7 images"):
        list(engine.iterate(batches, 0, 0))

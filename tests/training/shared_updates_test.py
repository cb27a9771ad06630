import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_elastic.training import shared_updates
from keras_elastic.training.ingredients import RMSpropFrom

OPTIMIZERS = keras.optimizers
SHAPES = ((3, 3, 2, 5), (7,), (5,), (4, 6), (7,))

MAKERS = {
    "sgd": lambda rate: OPTIMIZERS.SGD(rate),
    "momentum": lambda rate: OPTIMIZERS.SGD(rate, momentum=0.9),
    "nesterov": lambda rate: OPTIMIZERS.SGD(rate, momentum=0.9, nesterov=True),
    "rmsprop": lambda rate: OPTIMIZERS.RMSprop(rate),
    "rmsprop with momentum": lambda rate: OPTIMIZERS.RMSprop(
        rate, momentum=0.9, epsilon=1e-3, use_ema=True, ema_momentum=0.9
    ),
    "rmsprop from one": lambda rate: RMSpropFrom(1.0, rate, momentum=0.9),
    "adam": lambda rate: OPTIMIZERS.Adam(rate),
    "amsgrad": lambda rate: OPTIMIZERS.Adam(rate, amsgrad=True),
    "adamw": lambda rate: OPTIMIZERS.AdamW(rate, weight_decay=0.1),
    "clipped": lambda rate: OPTIMIZERS.SGD(rate, global_clipnorm=0.5),
    # Whose updates are not shared.
    "centered": lambda rate: OPTIMIZERS.RMSprop(rate, centered=True),
    "lion": lambda rate: OPTIMIZERS.Lion(rate),
}
SHARED = tuple(MAKERS)[:-2]


def make(maker, rate=0.01):
    """An optimizer and variables that it was built for."""
    rng = np.random.default_rng(0)
    variables = [
        keras.Variable(rng.normal(size=shape), dtype="float32")
        for shape in SHAPES
    ]
    optimizer = maker(rate)
    optimizer.build(variables)
    return optimizer, variables


def traced(apply, optimizer, variables):
    specs = [tf.TensorSpec(v.shape, v.dtype) for v in variables]
    return tf.function(
        lambda gradients: apply(optimizer, gradients, variables),
        input_signature=[specs],
        autograph=False,
    )


def stock(optimizer, gradients, variables):
    optimizer.apply(gradients, variables)


def after_steps(apply, maker, rate):
    """All values after three steps."""
    optimizer, variables = make(maker, rate)
    function = traced(apply, optimizer, variables)
    rng = np.random.default_rng(1)
    for _ in range(3):
        function([tf.constant(rng.normal(size=s), "float32") for s in SHAPES])
    return [np.asarray(v) for v in [*variables, *optimizer.variables]]


@pytest.mark.parametrize("name", MAKERS)
def test_updates_are_those_of_the_optimizer_to_the_bit(name):
    schedule = OPTIMIZERS.schedules.CosineDecay(0.05, 7)
    expected = after_steps(stock, MAKERS[name], schedule)
    found = after_steps(shared_updates.apply, MAKERS[name], schedule)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_optimizer_that_keeps_what_is_not_known_updates_alone(monkeypatch):
    known = ((OPTIMIZERS.RMSprop, ("_velocities", "of_another_release")),)
    maker = MAKERS["rmsprop with momentum"]
    expected = after_steps(stock, maker, 0.1)
    monkeypatch.setattr(shared_updates, "_KEPT", known)
    found = after_steps(shared_updates.apply, maker, 0.1)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_learning_rate_can_be_set_between_steps():
    optimizer, variables = make(MAKERS["rmsprop"], 0.5)
    function = traced(shared_updates.apply, optimizer, variables)
    optimizer.learning_rate = 0.0
    before = [np.asarray(v) for v in variables]
    function([tf.ones(shape) for shape in SHAPES])
    for a, b in zip(variables, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", SHARED)
def test_one_update_is_traced_for_all_variables(name):
    counts = []
    for apply in (shared_updates.apply, stock):
        optimizer, variables = make(MAKERS[name])
        function = traced(apply, optimizer, variables)
        graph = function.get_concrete_function().graph.as_graph_def()
        counts.append(len(graph.node))
    assert counts[0] < counts[1]


def test_variables_of_half_precision_have_their_own_update():
    found = []
    for apply in (shared_updates.apply, stock):
        variables = [
            keras.Variable(np.ones(4), dtype=dtype)
            for dtype in ("float32", "float16")
        ]
        optimizer = OPTIMIZERS.RMSprop(0.01, momentum=0.9)
        optimizer.build(variables)
        function = traced(apply, optimizer, variables)
        function([tf.ones(4), tf.ones(4, "float16")])
        found.append([np.asarray(v) for v in optimizer.variables])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)

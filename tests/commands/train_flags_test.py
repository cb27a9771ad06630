import types

import pytest
from absl import flags

from keras_elastic.commands import train_flags


@pytest.fixture
def given():
    """A function that gives the flags of a command line."""
    before = set(flags.FLAGS)
    train_flags.define()
    yield lambda *arguments: flags.FLAGS(["train.py", *arguments])
    for name in set(flags.FLAGS) - before:
        delattr(flags.FLAGS, name)


def make_recipe(**fields):
    defaults = {"kind": "supernet", "batch_size": 64, "mixup": 0.0}
    return types.SimpleNamespace(
        **{**defaults, "accumulation_steps": 1, **fields}
    )


def test_flags_that_fit(given):
    given("--compare", "--validate_every=1")
    train_flags.check_needs("tensorflow")
    train_flags.check_use(make_recipe(), replicas=4)


@pytest.mark.parametrize(
    "arguments, recipe, replicas, words",
    [
        (("--compare",), make_recipe(kind="dsnet"), 1, "no use for .'compare'"),
        ((), make_recipe(), 3, "multiple of the 3 replicas"),
        ((), make_recipe(batch_size=6, mixup=0.2), 2, "must be even"),
    ],
)
def test_flags_that_do_not_fit(given, arguments, recipe, replicas, words):
    given(*arguments)
    with pytest.raises(ValueError, match=words):
        train_flags.check_use(recipe, replicas)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--backend=torch",), "--backend must be on the command line"),
        (("--tpu=mine",), "--tpu is of --strategy=tpu"),
    ],
)
def test_what_is_not_there(given, arguments, words):
    given(*arguments)
    with pytest.raises(ValueError, match=words):
        train_flags.check_needs("tensorflow")


def test_torch_has_no_strategies(given):
    given()
    assert train_flags.make_strategy("torch") is None
    given("--strategy=mirrored")
    with pytest.raises(ValueError, match="on one device"):
        train_flags.make_strategy("torch")

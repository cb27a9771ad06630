import types

import pytest
import tensorflow as tf

from keras_elastic.training.strategies import STRATEGIES
from keras_elastic.training.strategies import is_chief
from keras_elastic.training.strategies import make_strategy


def strategy_of(cluster, task_type=None, task_id=None):
    """A strategy that knows its place in a cluster."""
    resolver = types.SimpleNamespace(
        cluster_spec=lambda: tf.train.ClusterSpec(cluster),
        task_type=task_type,
        task_id=task_id,
    )
    return types.SimpleNamespace(cluster_resolver=resolver)


WORKERS = {"worker": ["a:1", "b:1"]}
WITH_CHIEF = {"chief": ["c:1"], **WORKERS}


def test_one_device():
    strategy = make_strategy("none")
    assert strategy.num_replicas_in_sync == 1
    assert is_chief(strategy)


def test_mirrored():
    strategy = make_strategy("mirrored")
    assert isinstance(strategy, tf.distribute.MirroredStrategy)
    assert is_chief(strategy)


def test_a_tpu_is_set_up_first(monkeypatch):
    calls = []
    monkeypatch.setattr(
        tf.distribute.cluster_resolver,
        "TPUClusterResolver",
        lambda tpu: calls.append(("resolve", tpu)) or "resolver",
    )
    monkeypatch.setattr(
        tf.config,
        "experimental_connect_to_cluster",
        lambda resolver: calls.append(("connect", resolver)),
    )
    monkeypatch.setattr(
        tf.tpu.experimental,
        "initialize_tpu_system",
        lambda resolver: calls.append(("initialize", resolver)),
    )
    monkeypatch.setattr(
        tf.distribute, "TPUStrategy", lambda resolver: ("tpu", resolver)
    )
    assert make_strategy("tpu", "here") == ("tpu", "resolver")
    assert calls == [
        ("resolve", "here"),
        ("connect", "resolver"),
        ("initialize", "resolver"),
    ]


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="`name` must be one of.*'horovod'"):
        make_strategy("horovod")
    assert "multi_worker" in STRATEGIES


@pytest.mark.parametrize(
    "cluster, task_type, task_id, expected",
    [
        ({}, None, None, True),
        (WORKERS, "worker", 0, True),
        (WORKERS, "worker", 1, False),
        (WITH_CHIEF, "chief", 0, True),
        (WITH_CHIEF, "worker", 0, False),
        (WITH_CHIEF, "worker", 1, False),
        # A TPU's resolver knows workers and is none of them.
        (WORKERS, None, None, True),
    ],
)
def test_one_process_writes_files(cluster, task_type, task_id, expected):
    assert is_chief(strategy_of(cluster, task_type, task_id)) is expected


def test_a_strategy_without_a_cluster_is_its_own_chief():
    assert is_chief(types.SimpleNamespace(cluster_resolver=None))

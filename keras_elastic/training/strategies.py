"""`tf.distribute` strategies by name, and which process speaks for all."""

STRATEGIES = ("none", "mirrored", "multi_worker", "tpu")


def make_strategy(name, tpu=""):
    """Makes a strategy. Call it before anything else of TensorFlow.

    Args:
        name: `"none"` for one device; `"mirrored"` for all GPUs of the
            machine; `"multi_worker"` for several machines, each of which runs
            the same command with its own `TF_CONFIG` in the environment;
            `"tpu"` for a TPU.
        tpu: String. Name or address of the TPU; empty for that of this host.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ValueError: The name is unknown.
    """
    import tensorflow as tf

    if name == "none":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    raise ValueError(
        f"`name` must be one of {STRATEGIES}. Received: name={name!r}."
    )


def is_chief(strategy):
    """Whether this process writes files for all workers of a strategy."""
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.cluster_spec().jobs:
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    if resolver.task_type == "worker":
        return not has_chief and resolver.task_id == 0
    return resolver.task_type in ("chief", None)

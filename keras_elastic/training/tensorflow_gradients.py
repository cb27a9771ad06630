"""What the steps in TensorFlow do with gradients, on every replica."""

import tensorflow as tf


def replicas():
    """Number of replicas that share a global batch."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_part(values, size):
    """The replica's part of what is given for the global batch.

    Args:
        values: Tensor whose first axis is that of the global batch.
        size: Integer. Length of the part.
    """
    context = tf.distribute.get_replica_context()
    start = context.replica_id_in_sync_group * size
    begin = [start] + [0] * (len(values.shape) - 1)
    return tf.slice(values, begin, [size, *values.shape[1:]])


def decay_gradients(variables, decays, weight_decay):
    """Gradients of the weight decay, the replica's share of them.

    Args:
        variables: List of variables.
        decays: For each variable, whether it decays.
        weight_decay: Float.
    """
    factor = weight_decay / replicas()
    return [
        factor * tf.convert_to_tensor(variable)
        if is_decayed
        else tf.zeros(variable.shape, variable.dtype)
        for variable, is_decayed in zip(variables, decays, strict=True)
    ]


def clip(gradients, settings):
    """Clips the whole gradient, not a replica's part of it.

    Args:
        gradients: List of tensors, the replica's.
        settings: `StepSettings` with `clip_norm` and `clip_value`.

    Returns:
        List of tensors whose sum over the replicas is the clipped gradient.
    """
    norm, value = settings.clip_norm, settings.clip_value
    if norm is None and value is None:
        return gradients
    count = replicas()
    if count > 1:
        context = tf.distribute.get_replica_context()
        gradients = context.all_reduce("SUM", gradients)
    if norm is not None:
        gradients, _ = tf.clip_by_global_norm(gradients, norm)
    if value is not None:
        gradients = [tf.clip_by_value(g, -value, value) for g in gradients]
    # The optimizer will add the replicas' up.
    return [gradient / count for gradient in gradients]

"""A model of half precision as one that computes in float32."""

import keras

_POLICIES = ("DTypePolicy", "FloatDTypePolicy")


def in_float32(model):
    """Returns the twin of a model that computes in float32 throughout.

    Its weights are the same numbers: float32 holds all of float16's and of
    bfloat16's. What it returns differs by the rounding that is gone.

    Args:
        model: `keras.Model`, of models or of a class of its own too. It is
            not changed.

    Returns:
        A new `keras.Model`, not compiled, or `model` itself where all of it
        computes in float32 already.
    """
    if is_float32(model):
        return model
    twin = type(model).from_config(_single(model.get_config()))
    twin.set_weights(model.get_weights())
    return twin


def is_float32(model) -> bool:
    """Whether all layers of a model, at any depth, compute in float32."""
    return all(
        getattr(layer, "compute_dtype", "float32") == "float32"
        and getattr(layer, "variable_dtype", "float32") == "float32"
        for layer in model._flatten_layers()
        # A functional model has whatever policy was in force when it was made.
        if not isinstance(layer, keras.Model)
    )


def _single(config):
    """A configuration with the policies of all layers in it changed."""
    if isinstance(config, (list, tuple)):
        return type(config)(map(_single, config))
    if not isinstance(config, dict):
        return config
    if config.get("class_name") in _POLICIES:
        policy = keras.dtype_policies.DTypePolicy("float32")
        return keras.dtype_policies.serialize(policy)
    return {key: _single(value) for key, value in config.items()}

"""Models of the older Keras, as TensorFlow's toolkit makes them.

They are told apart without importing either library, so that an export that
takes them needs neither.
"""

import sys

# Names of the toolkit's wrappers around layers, and what training they are for.
_WRAPPERS = {
    "QuantizeWrapperV2": "quantization_aware",
    "PruneLowMagnitude": "pruned",
    "ClusterWeights": "clustered",
}


def is_older(model) -> bool:
    """Whether a model is one of `tf_keras`, the Keras before version 3."""
    # Who has such a model has imported the library.
    tf_keras = sys.modules.get("tf_keras")
    return tf_keras is not None and isinstance(model, tf_keras.Model)


def wrapped_by(model) -> str | None:
    """The function of this package that wrapped a model's layers, or `None`."""
    kinds = {type(layer).__name__ for layer in getattr(model, "layers", ())}
    return next((_WRAPPERS[k] for k in sorted(kinds & {*_WRAPPERS})), None)


def check_finished(model) -> None:
    """Raises a `ValueError` unless a model of the older Keras is for export."""
    wrapper = wrapped_by(model)
    if is_older(model) and wrapper != "quantization_aware":
        made = f"as `{wrapper}` returned it" if wrapper else "of `tf_keras`"
        raise ValueError(
            "`model` must be a `keras.Model`, or what `quantization_aware` "
            f"returned. Received: model={model.name!r}, {made}. Pass a child, "
            "such as `keras_elastic.load` and `keras_elastic.export.stripped` "
            "return."
        )

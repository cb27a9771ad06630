"""How good a classifier is, and where it errs."""

import typing

from keras_elastic import lazy

if typing.TYPE_CHECKING:
    from keras_elastic.evaluation.activation_map import (
        activation_map as activation_map,
    )
    from keras_elastic.evaluation.evaluating import evaluate as evaluate

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {"activation_map": ["activation_map"], "evaluating": ["evaluate"]},
)

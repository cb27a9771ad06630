"""How good a classifier is, and where it errs."""

from keras_elastic import lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {"activation_map": ["activation_map"], "evaluating": ["evaluate"]},
)

"""Ways out of Keras: formats that run a child where it is needed."""

from keras_elastic import lazy

# These need TensorFlow, and are imported when they are first used.
__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "saved_model": ["saved_model"],
        "many_budgets": ["many_budgets"],
        "litert": ["litert"],
        "quantization": ["quantization_aware"],
        "compression": ["clustered", "pruned", "pruning_callbacks", "stripped"],
        "version_folders": ["next_version"],
    },
)

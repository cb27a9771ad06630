"""Ways out of Keras: formats that run a child where it is needed."""

from keras_elastic import lazy

# These need TensorFlow, and are imported when they are first used.
__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "serving": ["saved_model"],
        "budgets": ["many_budgets"],
        "flatbuffer": ["litert"],
        "litert_budgets": ["many_budgets_litert"],
        "quantization": ["quantization_aware"],
        "compression": ["clustered", "pruned", "pruning_callbacks", "stripped"],
        "server_config": ["serving_config"],
        "version_folders": ["next_version"],
    },
)

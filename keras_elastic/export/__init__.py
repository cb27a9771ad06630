"""Ways out of Keras: formats that run a child where it is needed."""

import typing

from keras_elastic import lazy

if typing.TYPE_CHECKING:
    from keras_elastic.export.compression import clustered as clustered
    from keras_elastic.export.compression import pruned as pruned
    from keras_elastic.export.compression import (
        pruning_callbacks as pruning_callbacks,
    )
    from keras_elastic.export.compression import stripped as stripped
    from keras_elastic.export.litert import litert as litert
    from keras_elastic.export.many_budgets import many_budgets as many_budgets
    from keras_elastic.export.quantization import (
        quantization_aware as quantization_aware,
    )
    from keras_elastic.export.saved_model import saved_model as saved_model
    from keras_elastic.export.version_folders import (
        next_version as next_version,
    )

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

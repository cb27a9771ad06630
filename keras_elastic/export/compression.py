"""Pruning and weight clustering of a child, by TensorFlow's toolkit."""

import math
from typing import Any

import keras

from keras_elastic import checks
from keras_elastic.export import child_checks
from keras_elastic.export import rebuilding
from keras_elastic.export.child_checks import check_child
from keras_elastic.export.quantization import compiled
from keras_elastic.export.quantization import tf_keras
from keras_elastic.export.quantization import tfmot
from keras_elastic.models import preparation as preparations

# Depthwise kernels are few weights and suffer most; the toolkit leaves them.
_LAYERS = (tf_keras.layers.Conv2D, tf_keras.layers.Dense)
# How often the mask of a pruned kernel is drawn anew while sparsity rises.
_UPDATES = 100


@checks.arguments(model=checks.MODEL, sparsity=checks.NUMBER)
def pruned(model: keras.Model, sparsity: float = 0.5, *, steps: int) -> Any:
    """Rebuilds a child so that training sets its smallest weights to zero.

    For a file that compresses better. In the first `steps` training steps the
    zeros of every kernel, but for depthwise ones, grow from none to
    `sparsity`, fast first and slowly at the end; then the rest of the weights
    goes on learning. After `fit`, `stripped` puts the weights into a child.

    Reference:
    - [To prune, or not to prune: exploring the efficacy of pruning for model
      compression](https://arxiv.org/abs/1710.01878) (Zhu and Gupta, 2017),
      section 3.
    - [Pruning with Keras](https://www.tensorflow.org/model_optimization/guide/pruning)

    Args:
        model: A calibrated child: functional `keras.Model` of stock layers
            with one input of shape (None, resolution, resolution, 3), pixel
            values 0..255, and logits. It is not changed.
        sparsity: Float between 0 and 1, the share of zeros of each kernel.
        steps: Positive integer, training steps until all of them are zero.
            Train for longer: about twice as many steps.

    Returns:
        A `tf_keras.Model` of the same inputs and outputs, compiled for
        sparse labels. Its `fit` needs `callbacks=pruning_callbacks()`.

    Raises:
        ImportError: If the extra `quantization` is not installed.
        ValueError: If an argument is not as described above.

    Example:

    ```python
    model = keras_elastic.load("bignas_digits", flops=600e3, resolution=8)
    sparse = keras_elastic.export.pruned(model, sparsity=0.5, steps=20)
    callbacks = keras_elastic.export.pruning_callbacks()
    sparse.fit(images, labels, epochs=40, callbacks=callbacks)
    model = keras_elastic.export.stripped(sparse, model)
    keras_elastic.calibrate(model, images)
    keras_elastic.export.litert(model, "digits.tflite", "dynamic")
    ```
    """
    _check_sparsity(sparsity)
    checks.positive_integer(steps=steps)
    check_child(model)
    # The last drawing must fall on the last step, or zeros would be missing.
    frequency = math.ceil(steps / _UPDATES)
    schedule = tfmot.sparsity.keras.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=sparsity,
        begin_step=0,
        end_step=steps // frequency * frequency,
        frequency=frequency,
    )
    return _wrapped(
        model,
        lambda layer: tfmot.sparsity.keras.prune_low_magnitude(layer, schedule),
    )


def pruning_callbacks() -> list[Any]:
    """Returns the callbacks that `fit` needs to train a pruned model.

    They count the steps for the schedule of `pruned`.

    Returns:
        List of `tf_keras` callbacks.

    Raises:
        ImportError: If the extra `quantization` is not installed.
    """
    return [tfmot.sparsity.keras.UpdatePruningStep()]


def clustered(model: keras.Model, clusters: int = 16) -> Any:
    """Rebuilds a child so that its kernels hold few distinct weights.

    For a file that compresses better. The weights of every kernel, but for
    depthwise ones and those with no more weights than clusters, are replaced
    by the nearest of `clusters` values, found by k-means++ and trained by
    `fit`. After that, `stripped` puts the weights into a child.

    Reference:
    - [Deep Compression](https://arxiv.org/abs/1510.00149) (Han et al., ICLR
      2016), section 3.
    - [Weight clustering](https://www.tensorflow.org/model_optimization/guide/clustering)

    Args:
        model: A calibrated child: functional `keras.Model` of stock layers
            with one input of shape (None, resolution, resolution, 3), pixel
            values 0..255, and logits. It is not changed.
        clusters: Integer of at least 2, distinct weights of each kernel.

    Returns:
        A `tf_keras.Model` of the same inputs and outputs, compiled for
        sparse labels.

    Raises:
        ImportError: If the extra `quantization` is not installed.
        ValueError: If an argument is not as described above.

    Example:

    ```python
    model = keras_elastic.load("bignas_digits", flops=600e3, resolution=8)
    few = keras_elastic.export.clustered(model, clusters=16)
    few.fit(images, labels, epochs=3)
    model = keras_elastic.export.stripped(few, model)
    keras_elastic.calibrate(model, images)
    keras_elastic.export.litert(model, "digits.tflite", "int8", images[:100])
    ```
    """
    checks.integer_from(2, clusters=clusters)
    check_child(model)

    def wrap(layer):
        if layer.kernel.shape.num_elements() <= clusters:
            return layer
        return tfmot.clustering.keras.cluster_weights(
            layer,
            clusters,
            tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS,
        )

    return _wrapped(model, wrap)


def stripped(trained: Any, child: keras.Model) -> keras.Model:
    """Returns a child with the weights that pruning or clustering left.

    Args:
        trained: What `pruned` or `clustered` returned, after its training.
        child: The child that it was made of. It is not changed.

    Returns:
        A new `keras.Model` of the layers of `child`, compiled as it is. Its
        normalizations have moved with the training, not all the way in a
        short one: `calibrate` measures them.

    Raises:
        ImportError: If the extra `quantization` is not installed.
        ValueError: If `trained` is another model, or was made of another
            child.
    """
    strip = {
        "pruned": tfmot.sparsity.keras.strip_pruning,
        "clustered": tfmot.clustering.keras.strip_clustering,
    }
    wrapper = child_checks.wrapped_by(trained)
    if not child_checks.is_older(trained) or wrapper not in strip:
        raise ValueError(
            "`trained` must be what `keras_elastic.export.pruned` or "
            "`keras_elastic.export.clustered` returned. Received: "
            f"trained={trained!r}. A quantization-aware model goes to "
            "`keras_elastic.export.litert` as it is."
        )
    check_child(child)
    return _copy_weights(strip[wrapper](trained), child)


def _copy_weights(stripped_model, child):
    copy = keras.models.clone_model(child)
    found = {layer.name: layer for layer in stripped_model.layers}
    for layer in copy.layers:
        if layer.weights:
            _check_same(layer, found.get(layer.name), child)
            layer.set_weights(found[layer.name].get_weights())
    if hasattr(child, "class_names"):
        copy.class_names = child.class_names
    preparations.remember(copy, preparations.find(child))
    if child.compiled:
        copy.compile_from_config(child.get_compile_config())
    return copy


def _check_same(layer, other, child):
    shapes = [tuple(weight.shape) for weight in layer.weights]
    others = [tuple(weight.shape) for weight in getattr(other, "weights", ())]
    if shapes != others:
        raise ValueError(
            "`child` must be the model that `trained` was made of. Received: "
            f"child={child.name!r}, whose layer '{layer.name}' has weights of "
            f"shapes {shapes} where those of `trained` have {others}."
        )


def _wrapped(model, wrap):
    plain = rebuilding.rebuild(model, tf_keras)
    return compiled(
        tf_keras.models.clone_model(
            plain,
            clone_function=lambda layer: (
                wrap(layer) if type(layer) in _LAYERS else layer
            ),
        )
    )


def _check_sparsity(sparsity):
    is_number = isinstance(sparsity, (int, float))
    if not is_number or not 0 < sparsity < 1:
        raise ValueError(
            "`sparsity` must be a number between 0 and 1, the share of zeros. "
            f"Received: sparsity={sparsity!r}. Pass such as 0.5."
        )

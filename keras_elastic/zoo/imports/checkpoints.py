"""Files of weights that PyTorch wrote, as arrays by name."""

import importlib.util
import pickle
import re

import numpy as np

from keras_elastic import checks
from keras_elastic import files

# Where releases keep the weights in their files.
_NESTED = ("state_dict", "model", "model_state_dict", "net")
# What a block of one release is called in others, and layers in layers.
_WRAPPERS = (
    (re.compile(r"^module\."), ""),
    (re.compile(r"\.mobile_inverted_conv\."), "."),
    (
        re.compile(r"\.conv\.(inverted_bottleneck|depth_conv|point_linear)\."),
        r".\1.",
    ),
    (re.compile(r"\b(conv|bn|linear)\.\1\."), r"\1."),
)


def read_checkpoint(path):
    """Reads a file of PyTorch, of which nothing is run.

    Args:
        path: Path of a file that `torch.save` wrote: a dictionary of tensors,
            or one that holds it as `"state_dict"`.

    Returns:
        Dictionary from names to arrays.

    Raises:
        ValueError: PyTorch is not installed, the file is not there or
            truncated, or it holds more than tensors.
    """
    path = files.as_path(checkpoint=path)
    if importlib.util.find_spec("torch") is None:
        raise ValueError(
            "A file of PyTorch needs PyTorch to be read. "
            + checks.install("torch")
        )
    if not path.is_file():
        raise ValueError(
            "`checkpoint` must be a file of PyTorch. Received: "
            f"{str(path)!r}, which does not exist."
        )
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise ValueError(
            "`checkpoint` must be a whole file of tensors, written by "
            f"`torch.save`. Received: {str(path)!r} ({reason}). Download it "
            "again. A file that holds more than tensors is not read, for it "
            "could run anything."
        ) from error
    for name in _NESTED:
        if isinstance(loaded, dict) and isinstance(loaded.get(name), dict):
            loaded = loaded[name]
    if not isinstance(loaded, dict) or not all(
        isinstance(value, torch.Tensor) for value in loaded.values()
    ):
        raise ValueError(
            "`checkpoint` must hold a dictionary of tensors, or have it as "
            f"'state_dict'. Received: {str(path)!r}, which holds "
            f"{_described(loaded)}. Pass the file of the weights alone."
        )
    return {
        name: value.detach().float().numpy()
        if value.is_floating_point()
        else value.numpy()
        for name, value in loaded.items()
    }


def _described(loaded):
    if isinstance(loaded, dict):
        return f"a dictionary of {sorted(map(str, loaded))[:8]}"
    return f"a {type(loaded).__name__}"


def plain_names(weights):
    """Returns arrays by names without wrappers, as one release has them.

    Args:
        weights: Dictionary from names to arrays.

    Raises:
        ValueError: It is no such dictionary, an array has values that are not
            finite, or two names become one.
    """
    if not isinstance(weights, dict) or not weights:
        raise ValueError(
            "`weights` must be a dictionary from names to arrays. Received: "
            f"{type(weights).__name__}."
        )
    plain = {}
    for name, value in weights.items():
        short = _plain_name(str(name))
        if short in plain:
            raise ValueError(
                "`weights` must have each weight once. Received: "
                f"{str(name)!r} and another name for {short!r}."
            )
        value = np.asarray(value)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise ValueError(
                f"`weights` must be finite. Received: {str(name)!r} with "
                "numbers that are not."
            )
        plain[short] = value
    return plain


def _plain_name(name):
    for pattern, replacement in _WRAPPERS:
        before = None
        while before != name:
            before, name = name, pattern.sub(replacement, name)
    return name

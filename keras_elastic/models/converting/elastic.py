"""A trained Keras model as a supernet."""

import os
import pathlib
from collections.abc import Sequence

import keras
import numpy as np

from keras_elastic import checks
from keras_elastic.models.converting.blocks import read_blocks
from keras_elastic.models.converting.choices import Shrinking
from keras_elastic.models.converting.choices import make_family
from keras_elastic.models.converting.graph import check_model
from keras_elastic.models.converting.graph import read_graph
from keras_elastic.models.converting.weights import copy_weights
from keras_elastic.models.sorting import sort_channels
from keras_elastic.models.supernet import Supernet
from keras_elastic.spaces.plan import out_size

# Height of the images of a model that takes any.
SIZE = 224


@checks.arguments(
    resolution=checks.SEQUENCE | checks.INTEGER | checks.NONE,
    width=checks.SEQUENCE,
    hidden=checks.SEQUENCE,
    depth=checks.NUMBER,
    kernel_size=checks.INTEGER,
    channel_order=checks.STRING,
    mode=checks.STRING,
    name=checks.STRING | checks.NONE,
)
def elastic(
    model: keras.Model | str | os.PathLike[str],
    *,
    resolution: Sequence[int] | int | None = None,
    width: Sequence[float] = (0.75, 1.0),
    hidden: Sequence[float] = (0.5, 0.75, 1.0),
    depth: float = 0.5,
    kernel_size: int = 3,
    scale: float | Sequence[float] = 1.0,
    offset: float | Sequence[float] = 0.0,
    channel_order: str = "rgb",
    mode: str = "sliced",
    name: str | None = None,
) -> Supernet:
    """Makes a supernet of a trained model.

    The graph of the model is read into a family: its blocks, and which of
    their parts can shrink. The supernet has the model's weights, so that its
    largest subnet computes what the model does, with the model's statistics:

    ```python
    arch, statistics = supernet.space.largest, supernet.initial_statistics
    supernet(images, arch, statistics=statistics)   # The model's logits.
    supernet.child(arch, statistics)                # The model.
    ```

    Smaller subnets have a part of the weights, and must be trained before
    they are of use. For a start that is as good as can be, the channels are
    sorted: a subnet has the most important ones.

    What is read: chains of convolutions, also depthwise and separable ones,
    with normalizations, activations and poolings; residual blocks, whose two
    paths end in an addition; squeeze-excite; and a classifier behind a global
    pooling or a `Flatten`. So are models inside of the model, and layers that
    rescale or normalize its images. Augmentation, and dropout between
    convolutions, are left out: they do nothing at inference.

    What can shrink, each a gene of `supernet.space` whose label says of what:
    - channels inside of a block (`hidden`);
    - channels that blocks hand on (`width`). All that additions tie together
      shrink as one;
    - blocks at the end of a stage that add to their input (`depth`);
    - depthwise kernels, to their center (`kernel_size`);
    - the images (`resolution`).

    Pixels are in 0..255. What the model's `preprocess_input` does to them is
    said by `scale` and `offset`, unless layers of the model do it, as in
    `keras.applications`' MobileNetV3 and EfficientNet. For its MobileNet and
    MobileNetV2: `scale=1 / 127.5, offset=-1.0`. For its VGG16 and ResNet50:
    `offset=(-103.939, -116.779, -123.68), channel_order="bgr"`.

    References:
    - BigNAS (Yu et al., ECCV 2020), section 3: what of the weights a subnet
      has.
    - Once-for-All (Cai et al., ICLR 2020), section 3.3: the largest network
      first; sorted channels; the center of kernels.
    - BootstrapNAS (Munoz et al., 2021), and `convert` of NVIDIA's Model
      Optimizer: supernets of any model.

    Args:
        model: Functional or `Sequential` `keras.Model` that is built, from
            images to logits, or the path of its `.keras` file. It is not
            changed.
        resolution: Choices of the input resolution in pixels. Defaults to the
            model's own and three smaller ones, or to the model's own alone if
            a `Flatten` fixes it. A model of images of any size is read at the
            largest, by default 224.
        width: Fractions of the channels that blocks hand on, in (0, 1].
            Channels are rounded to multiples of 8, and all of them is always
            a choice. `(1.0,)` for no choice.
        hidden: Fractions of the channels inside of blocks, likewise.
        depth: Fraction of a stage's blocks that every subnet has, in (0, 1].
            1 for no choice.
        kernel_size: Odd integer, the smallest depthwise kernel.
        scale: Number, or one for each channel in the model's order. The model
            reads `pixels * scale + offset`.
        offset: As `scale`.
        channel_order: `"rgb"`, or `"bgr"` for a model that reads blue first.
        mode: As `Supernet`.
        name: String. Name of the family. Defaults to the model's name.

    Returns:
        `Supernet`. Its `initial_statistics` are those of its largest subnet:
        a dictionary from the names of normalizations to arrays of shape
        (2, channels).

    Raises:
        ValueError: An argument is out of range, or the model cannot be read;
            the message names the layer and says why. Not read are layers that
            are used twice, several inputs or outputs, grouped and dilated
            convolutions, a softmax at the end, and layers of one's own.

    Example:

    >>> model = keras.applications.MobileNetV3Small(
    ...     weights=None, classes=10, classifier_activation=None
    ... )
    >>> supernet = keras_elastic.elastic(model, resolution=(160, 224))
    >>> supernet.space.resolution
    (160, 224)
    """
    family, weights, classes = convert(
        model,
        resolution=resolution,
        width=width,
        hidden=hidden,
        depth=depth,
        kernel_size=kernel_size,
        scale=scale,
        offset=offset,
        channel_order=channel_order,
        name=name,
    )
    supernet = Supernet(family, classes, mode=mode)
    statistics = copy_weights(supernet, weights)
    supernet.initial_statistics = sort_channels(
        supernet, statistics=statistics, trunk=True
    )
    return supernet


def convert(
    model,
    *,
    resolution=None,
    width=(0.75, 1.0),
    hidden=(0.5, 0.75, 1.0),
    depth=0.5,
    kernel_size=3,
    scale=1.0,
    offset=0.0,
    channel_order="rgb",
    name=None,
):
    """Reads a model into a family. Its arguments are those of `elastic`.

    Returns:
        A tuple of the `GraphFamily`, a dictionary from the names of its
        plan's operations to their weights, and the number of classes.
    """
    shrinking = _check_shrinking(width, hidden, depth, kernel_size)
    pixels = (_check_pixels("scale", scale), _check_pixels("offset", offset))
    _check_channel_order(channel_order)
    model = load_model(model)
    resolution = _check_resolution(resolution)
    size = _check_size(model, resolution)
    images, output = read_graph(model)
    read = read_blocks(images, output, size)
    pixels = _compose(pixels, read, channel_order)
    family, weights = make_family(
        read,
        shrinking,
        name or model.name,
        _resolutions(resolution, size, read.is_flat),
        *pixels,
    )
    family = _with_fitting_resolutions(family, resolution)
    return family, weights, model.output_shape[-1]


# Arguments


def _check_shrinking(width, hidden, depth, kernel_size):
    for name, fractions in (("width", width), ("hidden", hidden)):
        are_fractions = isinstance(fractions, (tuple, list)) and all(
            _is_fraction(fraction) for fraction in fractions
        )
        if not are_fractions or not fractions:
            raise ValueError(
                f"`{name}` must be a tuple of fractions in (0, 1]. "
                f"Received: {name}={fractions!r}. Write `(1.0,)` for layers "
                "that must not shrink."
            )
    if not _is_fraction(depth):
        raise ValueError(
            "`depth` must be the fraction of a stage's blocks that stay, in "
            f"(0, 1]. Received: depth={depth!r}. Write 1 to keep them all."
        )
    is_odd = checks.is_integer(kernel_size) and kernel_size % 2 == 1
    if not is_odd or kernel_size < 1:
        raise ValueError(
            "`kernel_size` must be an odd positive integer, the smallest "
            f"depthwise kernel. Received: kernel_size={kernel_size!r}. Write "
            "3, or the model's largest kernel for kernels that must not "
            "shrink."
        )
    return Shrinking(tuple(width), tuple(hidden), float(depth), kernel_size)


def _is_fraction(value):
    return checks.is_number(value) and 0 < value <= 1


def _check_pixels(name, values):
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.shape not in ((), (1,), (3,)):
        raise ValueError(
            f"`{name}` must be a number, or three: one for each channel. "
            f"Received: {name}={values!r}."
        )
    return array.astype("float64")


def _check_channel_order(channel_order):
    if channel_order not in ("rgb", "bgr"):
        raise ValueError(
            "`channel_order` must be 'rgb' or 'bgr'. "
            f"Received: channel_order={channel_order!r}."
        )


def _check_resolution(resolution):
    if resolution is None:
        return None
    if checks.is_integer(resolution):
        resolution = (resolution,)
    is_known = isinstance(resolution, (tuple, list)) and all(
        checks.POSITIVE_INTEGER.fits(size) for size in resolution
    )
    if not is_known or not resolution:
        raise ValueError(
            "`resolution` must be a tuple of positive integers, in pixels. "
            f"Received: resolution={resolution!r}."
        )
    return tuple(sorted(set(resolution)))


def load_model(model):
    """Returns a model that can be read, from a `.keras` file where it is one.

    Args:
        model: As `elastic`.
    """
    if isinstance(model, (str, os.PathLike)):
        model = _load(model)
    check_model(model)
    return model


def _load(path):
    path = pathlib.Path(path).expanduser()
    if path.suffix != ".keras" or not path.is_file():
        raise ValueError(
            "`model` must be a `keras.Model` or the path of a `.keras` file. "
            f"Received: model={str(path)!r}, which is no such file. Save the "
            "model with `model.save('name.keras')`."
        )
    return keras.saving.load_model(path, compile=False)


def _check_size(model, resolution):
    """The height of the images that the model is read at."""
    shape = tuple(model.inputs[0].shape)
    if len(shape) != 4 or shape[-1] != 3 or shape[1] != shape[2]:
        raise ValueError(
            "`model` must read square RGB images, of shape (batch, size, "
            f"size, 3). Received: the model '{model.name}' with the input "
            f"shape {shape}. Build it with another `input_shape`."
        )
    known = shape[1]
    if known is None:
        return resolution[-1] if resolution else SIZE
    if resolution and known not in resolution:
        raise ValueError(
            f"`resolution` must hold {known}, the size that the model "
            f"'{model.name}' was built for. Received: "
            f"resolution={resolution}. Build the model with another "
            "`input_shape` for others alone."
        )
    return known


# Pixels


def _compose(pixels, read, channel_order):
    """Scale and offset, with those of the model's own layers."""
    scale, offset = pixels
    own_scale, own_offset = read.affine
    scale, offset = scale * own_scale, offset * own_scale + own_offset
    if channel_order == "bgr":
        first = read.blocks[0].steps[0]
        if first.kind != "convolution":
            raise ValueError(
                "`channel_order='bgr'` needs a model that begins with a "
                f"convolution. Received: {first.described}. Reverse the "
                "channels before the model."
            )
        kernel = first.weights["kernel"]
        first.weights["kernel"] = kernel[:, :, ::-1]
        scale, offset = np.ravel(scale)[::-1], np.ravel(offset)[::-1]
    return _plain(scale), _plain(offset)


def _plain(values):
    """A number, or a tuple where the channels differ."""
    numbers = np.ravel(values).tolist()
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


# Resolutions


def _resolutions(resolution, size, is_flat):
    """Choices of the resolution, the given ones or a default."""
    if is_flat and resolution not in (None, (size,)):
        raise ValueError(
            f"`resolution` must be ({size},): the model flattens its last map, "
            f"which fixes its size. Received: resolution={resolution}. Pool "
            "the map with `GlobalAveragePooling2D` for other sizes."
        )
    if resolution is not None:
        return resolution
    # Four choices in steps of a seventh: 128, 160, 192 and 224 of 224.
    step = size // 7 // 4 * 4
    if is_flat or not step:
        return (size,)
    return tuple(size - step * count for count in (3, 2, 1, 0))


def _with_fitting_resolutions(family, given):
    """The family without default resolutions that leave no map."""
    fits = [size for size in family.resolution if _has_maps(family, size)]
    if given is not None and len(fits) < len(given):
        raise ValueError(
            "`resolution` must leave something of every map. Received: "
            f"resolution={given}, of which {fits or 'none'} do. Take larger "
            "ones."
        )
    values = {**vars(family), "resolution": tuple(fits)}
    return type(family)(**values)


def _has_maps(family, size):
    arch = family.space.largest
    genes = type(arch)(
        size, arch.width, arch.depth, arch.kernel_size, arch.expand_ratio
    )
    sizes = [
        out_size(operation)
        for block in family.plan(genes, 2).blocks
        for operation in block.every_operation
        if hasattr(operation, "strides")
    ]
    return min(sizes, default=1) > 0

"""Makes supernets, and entries, of files that others have published."""

import os
from collections.abc import Mapping
from typing import Any

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.calibration import SubnetCalibrator
from keras_elastic.models import Supernet
from keras_elastic.models.initial_weights import layers_of
from keras_elastic.selection.front import Front
from keras_elastic.selection.front import FrontRow
from keras_elastic.spaces import costs
from keras_elastic.training import Recipe
from keras_elastic.zoo import imagenet
from keras_elastic.zoo.imports.checkpoints import plain_names
from keras_elastic.zoo.imports.checkpoints import read_checkpoint
from keras_elastic.zoo.imports.kinds import KINDS
from keras_elastic.zoo.imports.layouts import Weights
from keras_elastic.zoo.imports.layouts import layer_weights
from keras_elastic.zoo.writing import write_entry

CARD = "README.md"
# Statistics of a supernet's weights belong to no subnet, and counters to none.
_DROPPED = ("running_mean", "running_var", "num_batches_tracked")
_LISTED = 5


@checks.arguments(kind=checks.choice(tuple(KINDS)))
def import_checkpoint(
    kind: str, weights: str | os.PathLike[str] | Mapping[str, Any]
) -> Supernet:
    """Makes a supernet of weights that others have published.

    The family is built by PyTorch's convention, so that each subnet computes
    what it computes there. Every weight of both sides is accounted for.
    Statistics of normalization are not taken: measure those of a subnet with
    `keras_elastic.SubnetCalibrator`.

    References:
    - Once-for-All (Cai et al., ICLR 2020), AttentiveNAS (Wang et al., CVPR
      2021), AlphaNet (Wang et al., ICML 2021), US-Net (Yu and Huang, ICCV
      2019) and MutualNet (Yang et al., ECCV 2020), and their releases.

    Args:
        kind: String. `"ofa_mobilenet_v3"`, `"ofa_mobilenet_v3_w1.2"`,
            `"ofa_proxyless"`, `"ofa_resnet50"`, `"attentivenas"`,
            `"alphanet"`, `"us_mobilenet_v1"` or `_v2`,
            `"mutualnet_mobilenet_v1"` or `_v2`, or `"mutualnet_resnet50"`.
        weights: Path of a file of PyTorch, or a dictionary from names to
            arrays.

    Returns:
        A `Supernet`, with as many classes as the weights have.

    Raises:
        ValueError: The file is damaged or holds more than tensors, or the
            weights are not of this kind: what is missing, left over or of
            another shape is named.

    Example:

    ```python
    supernet = keras_elastic.zoo.import_checkpoint(
        "ofa_mobilenet_v3", "ofa_mbv3_d234_e346_k357_w1.0"
    )
    ```
    """
    if not isinstance(weights, dict):
        weights = read_checkpoint(weights)
    arrays = {
        name: array
        for name, array in plain_names(weights).items()
        if not name.endswith(_DROPPED)
    }
    family = KINDS[kind].make_family()
    supernet = Supernet(family, _classes(kind, family, arrays))
    _set_weights(kind, supernet, Weights(arrays))
    return supernet


def _classes(kind, family, arrays):
    plan = family.plan(family.space.largest, 1)
    name = f"{KINDS[kind].names(plan)[plan.classifier]}.bias"
    if name not in arrays or arrays[name].ndim != 1:
        raise ValueError(
            f"`weights` must be those of '{kind}', with a classifier "
            f"{name!r}. Received: {sorted(arrays)[:_LISTED]}. Pass another "
            "kind, or the file that its authors published."
        )
    return len(arrays[name])


def _set_weights(kind, supernet, weights):
    """Sets all weights, once each has been found."""
    release = KINDS[kind]
    plan = supernet.family.plan(supernet.space.largest, supernet.classes)
    names = release.names(plan)
    found = [
        (layer, layer_weights(operation, names[operation.name], weights))
        for operation, layer in layers_of(supernet)
    ]
    left = sorted(n for n in weights.left if not n.endswith(release.unused))
    wrong = [
        f"{layer.name} of shape {tuple(array.shape)} instead of "
        f"{tuple(weight.shape)}"
        for layer, arrays in found
        for weight, array in zip(layer.weights, arrays, strict=False)
        if array is not None and array.shape != tuple(weight.shape)
    ]
    if weights.missing or left or wrong:
        raise ValueError(
            f"`weights` must be all of '{kind}', and no others. Received: "
            f"{_some(weights.missing)} missing; {_some(left)} left over; "
            f"of another shape: {_some(wrong)}. Pass another kind, or the file "
            "that its authors published."
        )
    for layer, arrays in found:
        layer.set_weights(arrays)


def _some(names):
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"{names[:_LISTED]}{more}"


@checks.arguments(
    kind=checks.choice(tuple(KINDS)),
    checkpoint=checks.PATH,
    folder=checks.PATH,
    images=checks.IMAGES,
)
def import_entry(kind, checkpoint, folder, images):
    """Writes an entry of a file that others have published.

    Its front are the networks that the authors report, with their accuracies
    as they are printed, in the column of held-out ones: nothing is measured
    but statistics.

    Args:
        kind: As `import_checkpoint`.
        checkpoint: Path of the file.
        folder: Path of the entry's folder.
        images: Training images to measure statistics on, as
            `keras_elastic.calibrate` takes them; some 2,000 of ImageNet.

    Returns:
        The `Entry`.

    Raises:
        ValueError: As `import_checkpoint`; or the authors report no networks
            of this kind, or the classes are not ImageNet's, whose names are
            given.
    """
    release = KINDS[kind]
    if not release.published:
        raise ValueError(
            "`kind` must be one whose authors report networks: "
            f"{[name for name in KINDS if KINDS[name].published]}. Received: "
            f"kind={kind!r}. Take the supernet by "
            "`keras_elastic.zoo.import_checkpoint`."
        )
    labels = imagenet.class_ids()
    supernet = import_checkpoint(kind, checkpoint)
    if supernet.classes != len(labels):
        raise ValueError(
            f"`checkpoint` must have ImageNet's {len(labels)} classes. "
            f"Received: {str(checkpoint)!r} with {supernet.classes}. Take the "
            "supernet by `keras_elastic.zoo.import_checkpoint`."
        )
    front = _front(release, supernet)
    calibrator = SubnetCalibrator(supernet)
    entry = write_entry(
        folder,
        name=kind,
        supernet=supernet,
        class_names=labels,
        recipe=_recipe(kind, release, front),
        front=front,
        statistics=[calibrator.measure(r.arch, images) for r in front.rows],
    )
    _write_card(entry, kind, release, checkpoint)
    return entry


def _front(release, supernet):
    """The published networks, with what is printed of them."""
    rows = []
    for network in release.published:
        # The genes of blocks that are left out mean nothing.
        arch = supernet.space.canonical(network.arch)
        plan = supernet.family.plan(arch, supernet.classes)
        rows.append(
            FrontRow(
                arch,
                **costs(plan)._asdict(),
                held_out_top1=network.top1,
                held_out_loss=0.0,
            )
        )
    return Front(rows)


def _recipe(kind, release, front):
    """What `search.py` evaluates networks of the entry by.

    It says nothing of how the authors trained: what stands for that are the
    least numbers that a recipe must have.
    """
    return Recipe(
        name=kind,
        family=release.family,
        family_changes=release.changes,
        dataset="imagenet2012",
        patch_size=max(release.make_family().space.resolution),
        batch_size=1,
        epochs=1,
        learning_rate=0.1,
        budgets=tuple(row.flops for row in front.rows),
    )


def _write_card(entry, kind, release, checkpoint):
    lines = "\n".join(
        f"| {network.name} | {network.top1:.1%} |"
        for network in release.published
    )
    with files.replacing(entry.folder / CARD) as temporary:
        temporary.write_text(
            f"""# {kind}: imported

| | |
|---|---|
| Source | {release.source} |
| License of the weights | {release.license} |
| File | `{files.as_path(checkpoint=checkpoint).name}`, SHA-256 \
`{files.sha256(checkpoint)}` |
| Data | ImageNet-1k, {entry.classes} classes |

Only the statistics of the normalizations were measured when this was imported.
The accuracies of `front.csv` are those that the authors print for networks of
these architectures. Those of Once-for-All were fine-tuned for 25 or 75 epochs
before: without that, expect less. `search.py` measures them on ImageNet.
Where the authors crop the middle of an image, this library takes its whole
central square. It resizes patches by bicubic interpolation, those of MutualNet
by bilinear as its authors do.

| network | top-1, as printed |
|---|---|
{lines}
""",
            "utf-8",
        )

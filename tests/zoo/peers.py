"""Networks of other releases in PyTorch, written anew from what they say.

A network is a function of a `Peer`, images of shape (batch, 3, height, width)
and an architecture. The names of the weights are those of the releases. A
weight is made, at random, when it is first asked for: ask for the largest
network first.
"""

import numpy as np
import torch
import torch.nn.functional as F


def divisible(channels, by=8):
    """A multiple of 8 that is not less than nine tenths of a number."""
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


ACTIVATIONS = {"relu": F.relu, "relu6": F.relu6, "swish": F.silu}
ACTIVATIONS["h_swish"] = lambda x: x * F.relu6(x + 3) / 6


class Peer:
    """Weights by name, and the layers that take them.

    Normalizations use the `statistics`, pairs of means and variances by their
    names, or those of the batch where there are none.
    """

    def __init__(self, epsilon, seed=0):
        self.epsilon = epsilon
        self.statistics = None
        self.weights = {}
        self.rng = np.random.default_rng(seed)

    def weight(self, name, shape, scale, mean=0.0):
        """The first entries of a weight, along every axis."""
        if name not in self.weights:
            values = mean + scale * self.rng.normal(size=shape)
            self.weights[name] = values.astype("float32")
        part = self.weights[name][tuple(slice(size) for size in shape)]
        return torch.tensor(np.ascontiguousarray(part))

    def conv(self, x, name, filters, kernel=1, stride=1):
        fan_in = x.shape[1] * kernel**2
        shape = (filters, x.shape[1], kernel, kernel)
        kernel_weights = self.weight(f"{name}.weight", shape, fan_in**-0.5)
        return F.conv2d(x, kernel_weights, None, stride, kernel // 2)

    def norm(self, x, name):
        channels = (x.shape[1],)
        mean = variance = None
        if self.statistics is not None:
            live = self.statistics[name][:, : x.shape[1]]
            mean, variance = map(torch.tensor, live)
        return F.batch_norm(
            x,
            mean,
            variance,
            self.weight(f"{name}.weight", channels, 0.1, 1.0),
            self.weight(f"{name}.bias", channels, 0.1),
            training=self.statistics is None,
            eps=self.epsilon,
        )

    def depthwise(self, x, name, kernel, largest, stride, transform):
        shape = (x.shape[1], 1, largest, largest)
        weights = self.weight(f"{name}.conv.weight", shape, 1 / largest)
        matrices = {
            size: self.weight(
                f"{name}.{size + 2}to{size}_matrix", (size**2,) * 2, 1 / size
            )
            for size in range(largest - 2, 1, -2)
            if transform
        }
        for size in range(largest - 2, kernel - 1, -2):
            weights = weights[:, :, 1:-1, 1:-1].reshape(len(weights), size**2)
            if transform:
                weights = weights @ matrices[size].T
            weights = weights.reshape(-1, 1, size, size)
        return F.conv2d(
            x, weights, None, stride, kernel // 2, groups=x.shape[1]
        )

    def depthwise_at(self, x, name, stride):
        """Of a stock layer with a kernel of 3."""
        shape = (x.shape[1], 1, 3, 3)
        weights = self.weight(f"{name}.weight", shape, 1 / 3)
        return F.conv2d(x, weights, None, stride, 1, groups=x.shape[1])

    def squeeze_excite(self, x, name):
        channels = x.shape[1]
        narrow = divisible(channels // 4)
        pooled = x.mean((2, 3), keepdim=True)
        for part, sizes in (
            ("reduce", (narrow, channels)),
            ("expand", (channels, narrow)),
        ):
            pooled = F.conv2d(
                pooled,
                self.weight(f"{name}.{part}.weight", (*sizes, 1, 1), 0.2),
                self.weight(f"{name}.{part}.bias", sizes[:1], 0.2),
            )
            pooled = F.relu(pooled) if part == "reduce" else pooled
        return x * F.relu6(pooled + 3) / 6

    def dense(self, x, name, units):
        return F.linear(
            x,
            self.weight(f"{name}.weight", (units, x.shape[1]), 0.05),
            self.weight(f"{name}.bias", (units,), 0.05),
        )


def inverted_residual(
    peer, x, name, filters, kernel, expansion, stride, act, **options
):
    """`options`: `squeeze`, `largest` kernel, `transform`, `wrap`."""
    act = ACTIVATIONS[act]
    # A dynamic layer holds its stock layer as `conv`, or as `bn`.
    conv, bn = ("conv.conv", "bn.bn") if options["wrap"] else ("conv", "bn")
    depthwise = "conv" if options["wrap"] else ""
    if expansion != 1:
        hidden = divisible(round(x.shape[1] * expansion))
        x = peer.conv(x, f"{name}.inverted_bottleneck.{conv}", hidden)
        x = act(peer.norm(x, f"{name}.inverted_bottleneck.{bn}"))
    x = peer.depthwise(
        x,
        f"{name}.depth_conv.{depthwise}".rstrip("."),
        kernel,
        options["largest"],
        stride,
        options["transform"],
    )
    x = act(peer.norm(x, f"{name}.depth_conv.{bn}"))
    if options["squeeze"]:
        x = peer.squeeze_excite(x, f"{name}.depth_conv.se.fc")
    x = peer.conv(x, f"{name}.point_linear.{conv}", filters)
    return peer.norm(x, f"{name}.point_linear.{bn}")


def once_for_all(peer, x, arch, net):
    """`OFAMobileNetV3` and `OFAProxylessNASNets`.

    `net`: dictionary with `act` (stem and head), `stem`, `first`, `stages`
    (width, stride, act, squeeze), `expand` or `None`, `features`, `classes`.
    """
    act = ACTIVATIONS[net["act"]]
    x = peer.conv(x, "first_conv.conv", net["stem"], 3, 2)
    x = act(peer.norm(x, "first_conv.bn"))
    plain = {"squeeze": False, "largest": 3, "transform": False, "wrap": False}
    name = "blocks.{}.mobile_inverted_conv"
    first_act = net["stages"][0][2]
    y = inverted_residual(
        peer, x, name.format(0), net["first"], 3, 1, 1, first_act, **plain
    )
    x = x + y if net["stem"] == net["first"] else y
    number = 0
    for stage, (width, stride, stage_act, squeeze) in enumerate(net["stages"]):
        blocks = net["blocks"][stage]
        for index in range(arch.depth[stage]):
            y = inverted_residual(
                peer,
                x,
                name.format(1 + number + index),
                width,
                arch.kernel_size[number + index],
                arch.expand_ratio[number + index],
                stride if index == 0 else 1,
                stage_act,
                squeeze=squeeze,
                largest=7,
                transform=True,
                wrap=True,
            )
            x = x + y if index else y
        number += blocks
    if net["expand"] is not None:
        x = peer.conv(x, "final_expand_layer.conv", net["expand"])
        x = act(peer.norm(x, "final_expand_layer.bn"))
        x = x.mean((2, 3), keepdim=True)
        x = act(peer.conv(x, "feature_mix_layer.conv", net["features"]))
    else:
        x = peer.conv(x, "feature_mix_layer.conv", net["features"])
        x = act(peer.norm(x, "feature_mix_layer.bn"))
        x = x.mean((2, 3), keepdim=True)
    return peer.dense(x[:, :, 0, 0], "classifier.linear", net["classes"])


def attentivenas(peer, x, arch, net):
    """`AttentiveNasDynamicModel`.

    `net`: `stages` (most blocks, stride, squeeze, largest kernel), `classes`.
    """
    act = F.silu
    x = peer.conv(x, "first_conv.conv.conv", arch.width[0], 3, 2)
    x = act(peer.norm(x, "first_conv.bn.bn"))
    number = 0
    for stage, (most, stride, squeeze, largest) in enumerate(net["stages"]):
        width = arch.width[1 + stage]
        for index in range(arch.depth[stage]):
            name = f"blocks.{number + index}"
            y = inverted_residual(
                peer,
                x,
                f"{name}.mobile_inverted_conv",
                width,
                arch.kernel_size[stage],
                arch.expand_ratio[stage],
                stride if index == 0 else 1,
                "swish",
                squeeze=squeeze,
                largest=largest,
                transform=False,
                wrap=True,
            )
            # Held in any case, used where the width changes.
            shortcut = x
            if index == 0 and stride > 1:
                shortcut = F.avg_pool2d(x, stride)
            projected = peer.conv(shortcut, f"{name}.shortcut.conv.conv", width)
            x = y + (shortcut if x.shape[1] == width else projected)
        number += most
    x = peer.conv(x, "last_conv.final_expand_layer.conv.conv", 6 * x.shape[1])
    x = act(peer.norm(x, "last_conv.final_expand_layer.bn.bn"))
    x = x.mean((2, 3), keepdim=True)
    features = "last_conv.feature_mix_layer.conv.conv"
    x = act(peer.conv(x, features, arch.width[-1]))
    return peer.dense(x[:, :, 0, 0], "classifier.linear.linear", net["classes"])


def ofa_resnet50(peer, x, arch, net):
    """`OFAResNets`. `net`: `blocks` (the most of each stage), `classes`."""
    inside, stem, *widths = arch.width
    depth, *depths = arch.depth
    x = peer.conv(x, "input_stem.0.conv.conv", inside, 3, 2)
    x = F.relu(peer.norm(x, "input_stem.0.bn.bn"))
    if depth > 1:
        y = peer.conv(x, "input_stem.1.conv.conv.conv", inside, 3)
        x = x + F.relu(peer.norm(y, "input_stem.1.conv.bn.bn"))
    x = peer.conv(x, "input_stem.2.conv.conv", stem, 3)
    x = F.relu(peer.norm(x, "input_stem.2.bn.bn"))
    x = F.max_pool2d(x, 3, 2, 1)
    number = 0
    for stage, (width, most) in enumerate(
        zip(widths, net["blocks"], strict=True)
    ):
        for index in range(depths[stage]):
            place = number + index
            hidden = divisible(round(width * arch.expand_ratio[place] / 100))
            stride = 2 if index == 0 and stage else 1
            name, y, shortcut = f"blocks.{place}", x, x
            for layer, filters, kernel, strides in (
                ("conv1", hidden, 1, 1),
                ("conv2", hidden, 3, stride),
                ("conv3", width, 1, 1),
            ):
                y = peer.conv(
                    y, f"{name}.{layer}.conv.conv", filters, kernel, strides
                )
                y = peer.norm(y, f"{name}.{layer}.bn.bn")
                y = y if layer == "conv3" else F.relu(y)
            if index == 0:
                shortcut = F.avg_pool2d(x, stride, stride, ceil_mode=True)
                shortcut = peer.conv(
                    shortcut, f"{name}.downsample.conv.conv", width
                )
                shortcut = peer.norm(shortcut, f"{name}.downsample.bn.bn")
            x = F.relu(y + shortcut)
        number += most
    x = x.mean((2, 3))
    return peer.dense(x, "classifier.linear.linear", net["classes"])


def slimmable(peer, x, arch, net):
    """US-Net's and MutualNet's networks at a width in percent.

    `net`: `blocks`, each a kind with filters, strides and, of MobileNet v2, the
    expansion; `stem` (filters, kernel), `last` or `None`, `classes`.
    """
    width = arch.width[0] / 100
    filters, kernel = net["stem"]
    stem = divisible(filters * width * 4) // 4 if kernel == 7 else None
    x = peer.conv(
        x, "features.0.0", stem or divisible(filters * width), kernel, 2
    )
    x = peer.norm(x, "features.0.1")
    x = F.max_pool2d(F.relu(x), 3, 2, 1) if kernel == 7 else F.relu6(x)
    for number, (kind, filters, *options) in enumerate(net["blocks"], 1):
        x = kind(
            peer, x, f"features.{number}", divisible(filters * width), *options
        )
    if net["last"]:
        number += 1
        x = peer.conv(x, f"features.{number}.0", net["last"])
        x = F.relu6(peer.norm(x, f"features.{number}.1"))
    return peer.dense(x.mean((2, 3)), "classifier.0", net["classes"])


def separable(peer, x, name, filters, stride):
    x = peer.depthwise_at(x, f"{name}.body.0", stride)
    x = F.relu6(peer.norm(x, f"{name}.body.1"))
    x = peer.conv(x, f"{name}.body.3", filters)
    return F.relu6(peer.norm(x, f"{name}.body.4"))


def linear_bottleneck(peer, x, name, filters, stride, expansion, residual):
    y, place = x, 0
    if expansion != 1:
        y = peer.conv(y, f"{name}.body.0", x.shape[1] * expansion)
        y = F.relu6(peer.norm(y, f"{name}.body.1"))
        place = 3
    y = peer.depthwise_at(y, f"{name}.body.{place}", stride)
    y = F.relu6(peer.norm(y, f"{name}.body.{place + 1}"))
    y = peer.conv(y, f"{name}.body.{place + 3}", filters)
    y = peer.norm(y, f"{name}.body.{place + 4}")
    return x + y if residual else y


def bottleneck(peer, x, name, filters, stride, residual):
    y, shortcut, hidden = x, x, filters // 4
    for place, channels, kernel, strides in (
        (0, hidden, 1, 1),
        (3, hidden, 3, stride),
        (6, filters, 1, 1),
    ):
        y = peer.conv(y, f"{name}.body.{place}", channels, kernel, strides)
        y = peer.norm(y, f"{name}.body.{place + 1}")
        y = y if place == 6 else F.relu(y)
    if not residual:
        shortcut = peer.conv(x, f"{name}.shortcut.0", filters, 1, stride)
        shortcut = peer.norm(shortcut, f"{name}.shortcut.1")
    return F.relu(y + shortcut)

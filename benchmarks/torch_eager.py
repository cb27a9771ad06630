"""Seconds of a training step of some subnets in eager PyTorch.

    torch_eager.py FAMILY PIXELS BATCH LAYOUT GENES [GENES ...]

Reads the plan of each architecture with PyTorch's own modules. For each line of
its input it runs all of them once, forward and backward, updates the first,
which is the largest, and prints the seconds. LAYOUT, that of the
images and weights, is `contiguous` or `channels_last`. `sandwich.py` calls it.
"""

import functools
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from keras_elastic import families
from keras_elastic.spaces import plan as primitives

CLASSES = 1000
LAYOUTS = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
}


class Network(nn.Module):
    """A plan as a PyTorch network."""

    def __init__(self, plan):
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(block) for block in plan.blocks if block.live
        )

    def forward(self, features):
        for block in self.blocks:
            features = block(features)
        return features


class Block(nn.Module):
    """A block of a plan."""

    def __init__(self, block):
        super().__init__()
        self.operations = make_all(block.operations)
        self.has_shortcut = block.shortcut is not None
        self.shortcut = make_all(block.shortcut or ())
        self.after = make_all(block.after)

    def forward(self, inputs):
        features = self.operations(inputs)
        if self.has_shortcut:
            features = features + self.shortcut(inputs)
        return self.after(features)


class SqueezeExcite(nn.Module):
    """Squeeze-excite of a plan."""

    def __init__(self, operation):
        super().__init__()
        self.reduce = nn.Conv2d(operation.channels, operation.reduced, 1)
        self.expand = nn.Conv2d(operation.reduced, operation.channels, 1)
        self.activation = ACTIVATIONS[operation.activation]
        self.gate = ACTIVATIONS[operation.gate]

    def forward(self, inputs):
        squeezed = functional.adaptive_avg_pool2d(inputs, 1)
        hidden = self.activation(self.reduce(squeezed))
        return inputs * self.gate(self.expand(hidden))


class Function(nn.Module):
    """A function without weights."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, inputs):
        return self.function(inputs)


ACTIVATIONS = {
    "relu": functional.relu,
    "relu6": functional.relu6,
    "swish": functional.silu,
    "silu": functional.silu,
    "hard_swish": functional.hardswish,
    "hard_silu": functional.hardswish,
    "sigmoid": torch.sigmoid,
    "hard_sigmoid": functional.hardsigmoid,
}


def make_all(operations):
    """Returns the modules of some operations, one after another."""
    return nn.Sequential(*(make(operation) for operation in operations))


@functools.singledispatch
def make(operation):
    """Returns the module of an operation."""
    raise NotImplementedError(type(operation).__name__)


@make.register
def _(operation: primitives.Convolution):
    return nn.Conv2d(
        operation.in_channels,
        operation.filters,
        operation.kernel_size,
        operation.strides,
        operation.kernel_size // 2,
        bias=operation.use_bias,
    )


@make.register
def _(operation: primitives.DepthwiseConvolution):
    return nn.Conv2d(
        operation.channels,
        operation.channels,
        operation.kernel_size,
        operation.strides,
        operation.kernel_size // 2,
        groups=operation.channels,
        bias=False,
    )


@make.register
def _(operation: primitives.Normalization):
    return nn.BatchNorm2d(operation.channels, operation.epsilon)


@make.register
def _(operation: primitives.Activation):
    return Function(ACTIVATIONS[operation.function])


@make.register
def _(operation: primitives.SqueezeExcite):
    return SqueezeExcite(operation)


@make.register
def _(operation: primitives.GlobalPooling):
    return Function(lambda x: x.mean((2, 3), keepdim=True))


@make.register
def _(operation: primitives.Dropout):
    return nn.Dropout(operation.rate)


@make.register
def _(operation: primitives.Dense):
    linear = nn.Linear(
        operation.in_channels, operation.units, bias=operation.use_bias
    )
    return nn.Sequential(nn.Flatten(), linear)


@make.register
def _(operation: primitives.Shortcut):
    modules = []
    if operation.strides > 1:
        pool = nn.AvgPool2d(operation.strides, ceil_mode=True)
        modules.append(pool)
    if operation.project:
        modules.append(
            nn.Conv2d(operation.in_channels, operation.filters, 1, bias=False)
        )
    return nn.Sequential(*modules)


def main():
    name, size, batch, layout, *genes = sys.argv[1:]
    size, batch = int(size), int(batch)
    memory_format = LAYOUTS[layout]
    family = families.get(name, resolution=(size,))
    networks = []
    for vector in genes:
        arch = family.space.decode([int(gene) for gene in vector.split(",")])
        network = Network(family.plan(arch, CLASSES)).train()
        networks.append(network.to(memory_format=memory_format))
    rng = np.random.default_rng(0)
    images = rng.uniform(-2, 2, (batch, 3, size, size)).astype("float32")
    images = torch.from_numpy(images).contiguous(memory_format=memory_format)
    labels = torch.from_numpy(rng.integers(0, CLASSES, batch))
    optimizer = torch.optim.RMSprop(
        networks[0].parameters(), 1e-4, momentum=0.9
    )
    for _ in sys.stdin:
        start = time.perf_counter()
        for network in networks:
            loss = functional.cross_entropy(network(images).flatten(1), labels)
            loss.backward()
        # One update: a supernet has the weights of its largest network.
        optimizer.step()
        for network in networks:
            network.zero_grad()
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main()

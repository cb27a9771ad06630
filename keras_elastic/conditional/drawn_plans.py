"""The networks that a conditional model is made of, to be drawn."""

import dataclasses

from keras_elastic.conditional.dsnet import routes as dsnet_routes
from keras_elastic.models.converting.elastic import convert


def drawn_plans(kind, model) -> list:
    """Returns the networks of a model of an entry.

    Args:
        kind: `"basisnet"`, `"dsnet"` or `"cascade"`.
        model: `BasisNet`, `DSNet` or `Cascade`.

    Returns:
        List of tuples: a title, what is to be said, and the `Plan`. A network
        of a cascade that no plan describes is left out.
    """
    return _READERS[kind](model)


def _of_basisnet(model):
    blocks = ", ".join(model.basis_block_names)
    return [
        (
            "First stage, the light network",
            "Every image goes through it. One that it is sure of stops here.",
            model.light,
        ),
        (
            "Second stage, the specialist",
            f"Its kernels are mixed for each image from {model.num_bases} "
            f"bases, in {blocks}; one of them is drawn.",
            model.specialist,
        ),
    ]


def _of_dsnet(model):
    widths = "; ".join(
        ", ".join(map(str, gate.choices)) for gate in model.gates
    )
    note = f"Gates choose for each image among the widths {widths}."
    return [
        ("At its narrowest", note, _at(model, slice(1))),
        ("At its widest", note, _at(model, slice(None))),
    ]


def _at(model, choices):
    """The plan at the widest of some choices of every gate."""
    gates = [
        dataclasses.replace(gate, choices=gate.choices[choices])
        for gate in model.gates
    ]
    arch = dsnet_routes.widest(model.family, gates, model.resolution)
    return model.family.plan(arch, model.classes)


def _of_cascade(model):
    read = []
    for number, network in enumerate(model.networks, start=1):
        try:
            plan = _read(network)
        except ValueError:
            continue
        last = number == len(model.networks)
        note = (
            "It answers whatever reaches it."
            if last
            else "An image that it is unsure of goes on to the next network."
        )
        read.append((f"Network {number} of {len(model.networks)}", note, plan))
    return read


def _read(network):
    """The plan of a stock model."""
    family, _, classes = convert(
        network,
        resolution=(network.input_shape[1],),
        width=(1.0,),
        hidden=(1.0,),
        depth=1.0,
    )
    return family.plan(family.space.largest, classes)


_READERS = {
    "basisnet": _of_basisnet,
    "dsnet": _of_dsnet,
    "cascade": _of_cascade,
}

"""Which widths a dynamic slimmable network chooses, and what they lead to."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from keras_elastic import checks
from keras_elastic.families import registry
from keras_elastic.spaces import plan as primitives

if TYPE_CHECKING:
    from keras_elastic.families.family import Family

# Named windows: so many choices at the start, in the middle, at the end.
TARGETS = ("S", "M", "L")
_TARGET_CHOICES = 4
# In recipes: the window of all choices.
ALL = "all"


def check_gates(family):
    """Returns the gates of a family, or raises a `ValueError`."""
    gates = getattr(family, "gates", ())
    if not gates:
        raise ValueError(
            "`family` must have gates, places where the width is chosen image "
            f"by image. Received: '{family.name}', which has none. Families "
            "with gates are 'ds_mobilenet', 'ds_efficientnet' and "
            "'ds_resnet50'."
        )
    return gates


def named(family: "Family | str") -> "Family":
    """Returns a family by its name, or itself."""
    return registry.named(family)


def check_resolution(family, resolution):
    """Returns a resolution of a family's space, the largest for `None`."""
    choices = family.space.resolution
    if resolution is None:
        return choices[-1]
    if not checks.is_integer(resolution) or resolution not in choices:
        raise ValueError(
            f"`resolution` must be one of {choices}. "
            f"Received: resolution={resolution!r}."
        )
    return resolution


def architectures(family, window=None, resolution=None):
    """The architectures of all ways, see `DSNet.architectures`."""
    family = named(family)
    gates = check_window(check_gates(family), window)
    resolution = check_resolution(family, resolution)
    parts = routes_of(family, gates, resolution)
    return list(dict.fromkeys(arch for part in parts for arch in part))


def check_window(gates, window):
    """Returns the gates with the choices of a window only.

    Args:
        gates: Tuple of `Gate`.
        window: `None` for all choices, one of `TARGETS`, or a pair of the
            narrowest and the widest choice. Of five choices or fewer, "S" is
            all but the widest, "L" all but the narrowest, and "M" all.

    Returns:
        Tuple of `Gate`.

    Raises:
        ValueError: The window is not of two or more choices of every gate.
    """
    return tuple(
        dataclasses.replace(gate, choices=_within(gate.choices, window))
        for gate in gates
    )


def _within(choices, window):
    if window is None:
        return choices
    if isinstance(window, str) and window in TARGETS:
        return _named(choices, window)
    pair = tuple(window) if checks.PAIR.fits(window) else ()
    pair = pair if checks.INTEGERS.fits(pair) else ()
    if len(pair) != 2 or not set(pair) <= set(choices) or pair[0] >= pair[1]:
        raise ValueError(
            f"`window` must be `None`, one of {TARGETS}, or a pair of a "
            f"narrower and a wider width of {list(choices)}. "
            f"Received: window={window!r}."
        )
    first, last = (choices.index(value) for value in pair)
    return choices[first : last + 1]


def _named(choices, window):
    place, spare = TARGETS.index(window), len(choices) - _TARGET_CHOICES
    if spare > 1:
        return choices[spare * place // 2 :][:_TARGET_CHOICES]
    if len(choices) < 3:
        raise ValueError(
            "`window` must be `None` for a gate of two widths, "
            f"{list(choices)}. Received: window={window!r}."
        )
    return (choices[:-1], choices, choices[1:])[place]


def as_pair(gates, window):
    """The pair of a window of gates that were cut to it, for a file."""
    first = gates[0].choices
    if window is None or any(gate.choices != first for gate in gates):
        return window
    return (first[0], first[-1])


def written_window(family, window):
    """The window that a file of a `DSNet` names.

    Names stood in files before there were pairs, and were four choices of any
    gate, or all where there are fewer.
    """
    if window not in TARGETS:
        return window
    choices = check_gates(family)[0].choices
    spare = max(0, len(choices) - _TARGET_CHOICES)
    first = spare * TARGETS.index(window) // 2
    kept = choices[first:][:_TARGET_CHOICES]
    return (kept[0], kept[-1])


def label(window):
    """What a window is called in files and tables: "S", "all" or "85-100"."""
    if window is None:
        return ALL
    return window if isinstance(window, str) else "{}-{}".format(*window)


def parse(text):
    """The window of a label.

    Raises:
        ValueError: It is none.
    """
    if text in TARGETS:
        return text
    if text == ALL:
        return None
    parts = text.split("-")
    if len(parts) == 2 and all(map(str.isdecimal, parts)):
        return tuple(map(int, parts))
    raise ValueError(
        f"A window must be one of {(*TARGETS, ALL)}, or a narrower and a wider "
        f"width as '85-100'. Received: {text!r}."
    )


def routes_of(family, gates, resolution):
    """Returns the architecture of every way through every part.

    A part's statistics depend on the width before its gate and on the one
    chosen there. They are those of the subnet that has the first in all parts
    before, and the second in all after.

    Args:
        family: A family with gates.
        gates: Tuple of `Gate`, with the choices of a window.
        resolution: Integer.

    Returns:
        List of lists of `Architecture`: for each part, for each pair of the
        width before, slowest, and the chosen one.
    """

    def arch(before, chosen, gate):
        width = list(family.space.largest.width)
        for place, other in enumerate(gates):
            index = before if place < gate else chosen
            index = min(index, len(other.choices) - 1)
            width[other.gene] = other.choices[index]
        return dataclasses.replace(
            family.space.largest, resolution=resolution, width=tuple(width)
        )

    parts = [[arch(0, 0, 0)]]
    for place, gate in enumerate(gates):
        befores = len(gates[place - 1].choices) if place else 1
        parts.append(
            [
                arch(before, chosen, place)
                for before in range(befores)
                for chosen in range(len(gate.choices))
            ]
        )
    return parts


def widest(family, gates, resolution):
    """The architecture with the widest choice of every gate."""
    width = list(family.space.largest.width)
    for gate in gates:
        width[gate.gene] = gate.choices[-1]
    return dataclasses.replace(
        family.space.largest, resolution=resolution, width=tuple(width)
    )


def check_statistics(statistics, arch, plan, others):
    """Checks that statistics were measured for an architecture.

    Args:
        statistics: Dictionary from `Architecture` to what
            `SubnetCalibrator.measure` returned for it.
        arch: `Architecture`.
        plan: Its `Plan`.
        others: `Plan`s of the other architectures.

    Returns:
        The statistics of `arch`.

    Raises:
        ValueError: There are none, or they are those of another width.
    """
    if not list(_normalizations(plan)):
        # Groups of channels are normalized image by image.
        return {}
    if arch not in statistics:
        raise ValueError(
            "`statistics` must hold what `SubnetCalibrator.measure` returned "
            f"for each of the model's architectures. Received: none for "
            f"width={arch.width} at resolution {arch.resolution}. Measure "
            "those of `DSNet.architectures(family, window)`."
        )
    found = statistics[arch]
    narrower = _narrower_channels(plan, others)
    for operation in _normalizations(plan):
        name, live = operation.name, operation.channels
        values = np.asarray(found.get(name, ()))
        # Channels that a subnet does not have hold zeros.
        fits = (
            values.ndim == 2
            and values.shape[1] >= live
            and not values[:, live:].any()
            and values[1, narrower.get(name, 0) : live].any()
        )
        if not fits:
            raise ValueError(
                "`statistics` must be those of the width that they are given "
                f"for. Received: for width={arch.width} statistics of "
                f"'{name}' that are not of its {live} channels. Measure them "
                "with `SubnetCalibrator.measure(arch, images)`."
            )
    return found


def _normalizations(plan):
    for block in plan.blocks:
        for operation in block.every_operation:
            if isinstance(operation, primitives.Normalization):
                yield operation


def _narrower_channels(plan, others):
    """For each normalization the next smaller width that another plan has."""
    live = {o.name: o.channels for o in _normalizations(plan)}
    narrower = {}
    for other in others:
        for operation in _normalizations(other):
            name, channels = operation.name, operation.channels
            if channels < live[name]:
                narrower[name] = max(narrower.get(name, 0), channels)
    return narrower

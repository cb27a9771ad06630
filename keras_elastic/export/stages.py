"""The stages of a model that decides on the way, for a phone to join.

A LiteRT file has no branches that are worth having: what a model does for some
images only is a signature of its own, and the caller decides.
"""

from collections.abc import Callable
from typing import Any
from typing import NamedTuple


class Stage(NamedTuple):
    """A part of a model that becomes a signature.

    `name`: of the signature. `run`: function from tensors by name to a
    dictionary of tensors. `inputs`: shapes of its tensors, of a batch of one,
    by name: `"images"`, or outputs of the stage `source`.
    """

    name: str
    run: Callable[..., dict[str, Any]]
    inputs: dict[str, tuple[int, ...]]
    source: str | None = None


def examples_of(stages, images):
    """Yields what each stage takes for images, to calibrate with.

    Args:
        stages: Sequence of `Stage`, sources first.
        images: Iterable of arrays of shape (1, resolution, resolution, 3).

    Yields:
        Pairs of the name of a stage and a dictionary of its inputs.
    """
    for image in images:
        made = {}
        for stage in stages:
            known = {"images": image, **made.get(stage.source, {})}
            inputs = {name: known[name] for name in stage.inputs}
            yield stage.name, inputs
            if any(other.source == stage.name for other in stages):
                made[stage.name] = stage.run(**inputs)

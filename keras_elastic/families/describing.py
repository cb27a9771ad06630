"""A family's space as a table to read."""

import itertools
from typing import TYPE_CHECKING

from keras_elastic import checks
from keras_elastic.families import registry
from keras_elastic.spaces import costs

if TYPE_CHECKING:
    from keras_elastic.families.family import Family


@checks.arguments(name=checks.FAMILY_OR_NAME, classes=checks.POSITIVE_INTEGER)
def describe(name: "Family | str", classes: int = 1000) -> None:
    """Prints the choices of a family, gene by gene, and the range of costs.

    Args:
        name: Name of a registered family, or a family.
        classes: Integer. Number of classes, for the costs.

    Raises:
        ValueError: No family has this name.

    Example:

    >>> keras_elastic.families.describe("efficientnet_width")
    efficientnet_width: 124 architectures
    gene         of                     choices
    resolution   whole network          128 160 192 224
    width[0]     percent of all layers  25 30 35 ... 175
    flops   15.7 to 1157.1 M multiply-adds (1000 classes)
    params  0.6 to 14.3 M
    """
    family = registry.get(name) if isinstance(name, str) else name
    space = family.space
    print(f"{space.name}: {space.size:,} architectures")
    rows = [("gene", "of", "choices"), *_rows(space)]
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for gene, of, choices in rows:
        print(f"{gene:<{widths[0]}}  {of:<{widths[1]}}  {choices}".rstrip())
    low, high = (
        costs(family.plan(arch, classes))
        for arch in (space.smallest, space.largest)
    )
    print(
        f"flops   {low.flops / 1e6:.1f} to {high.flops / 1e6:.1f} M "
        f"multiply-adds ({classes} classes)\n"
        f"params  {low.params / 1e6:.1f} to {high.params / 1e6:.1f} M"
    )


def _rows(space):
    labels = ("whole network", *(space.labels or [""] * len(space.genes)))
    genes = [
        (gene, of, _choices(choices))
        for (gene, choices), of in zip(space.genes, labels, strict=False)
    ]
    # Genes of one field in a row that have the same choices share a line.
    for _, group in itertools.groupby(
        genes, key=lambda row: (row[0].split("[")[0], row[2])
    ):
        group = list(group)
        yield (_span(group, 0), _span(group, 1), group[0][2])


def _span(group, column):
    first, last = group[0][column], group[-1][column]
    return first if first == last else f"{first} to {last}"


def _choices(choices):
    if len(choices) > 8:
        choices = (*choices[:3], "...", choices[-1])
    return " ".join(str(choice) for choice in choices)

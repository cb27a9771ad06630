"""What the tables of families share."""

import dataclasses
import functools

from keras_elastic import checks
from keras_elastic.families.convention import CONVENTIONS
from keras_elastic.families.convention import as_torch
from keras_elastic.spaces import SearchSpace
from keras_elastic.spaces.plan import RESIZES


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of choices: a frozen value that survives JSON.

    A family's class adds its fields, the property `space` and the method
    `plan(genes, classes)`: from an `Architecture`, or `Genes` of arrays or
    tensors, and a number of classes to a `Plan`.
    """

    def __init_subclass__(cls):
        if "plan" in vars(cls):
            cls.plan = checks.arguments(
                genes=checks.GENES, classes=checks.POSITIVE_INTEGER
            )(cls.plan)

    def __post_init__(self):
        # A table that was JSON has lists for tuples.
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        checks.fields(self)
        for field in ("stem", "head", "resolution"):
            values = getattr(self, field, ())
            if checks.INTEGERS.fits(values):
                checks.each(checks.POSITIVE_INTEGER).check(field, values)


def make_rows(table, field, kind):
    """Makes rows of the dictionaries that a table which was JSON has."""
    rows = getattr(table, field)
    if isinstance(rows, (list, tuple)):
        made = [kind(**row) if isinstance(row, dict) else row for row in rows]
        object.__setattr__(table, field, tuple(made))


@dataclasses.dataclass(frozen=True)
class FamilyTable(Table):
    """A table that is built by the convention of a library.

    Args:
        convention: `"keras"`, or `"torch"` for networks whose weights PyTorch
            has trained: other zeros around strided layers, another epsilon,
            and pixels normalized by channel. See `families/convention.py`.
        resize: How an image, or a training patch, becomes one of a subnet's
            resolution: `"bicubic"`, antialiased (BigNAS), or `"bilinear"`
            between aligned corners, without antialiasing (MutualNet).
    """

    convention: str = dataclasses.field(default="keras", kw_only=True)
    resize: str = dataclasses.field(default="bicubic", kw_only=True)

    def __init_subclass__(cls):
        super().__init_subclass__()
        if "plan" in vars(cls):
            cls.plan = _by_convention(cls.plan)

    def __post_init__(self):
        super().__post_init__()
        checks.one_of(CONVENTIONS, convention=self.convention)
        checks.one_of(RESIZES, resize=self.resize)


def _by_convention(write):
    """Makes the method `plan` of a table follow its convention."""

    @functools.wraps(write)
    def plan(self, genes, classes):
        written = write(self, genes, classes)
        if self.resize != written.resize:
            written = dataclasses.replace(written, resize=self.resize)
        if self.convention == "keras":
            return written
        return as_torch(written, keep_epsilon=hasattr(self, "epsilon"))

    return plan


@dataclasses.dataclass(frozen=True)
class WidthTable(FamilyTable):
    """A table whose genes are the resolution and one width for all layers.

    Args:
        name: String. Name of the space.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the width of all layers in percent.
    """

    name: str
    resolution: tuple[int, ...]
    width: tuple[int, ...]

    @property
    def space(self) -> SearchSpace:
        """The choices, as a `SearchSpace`."""
        return SearchSpace(
            name=self.name,
            resolution=self.resolution,
            width=(self.width,),
            depth=(),
            kernel_size=(),
            expand_ratio=(),
            labels=("percent of all layers",),
        )


# What a gate's attention multiplies channels by: the sigmoid of the release of
# DS-Net, or the paper's factor, which begins as 1.
ATTENTIONS = ("sigmoid", "one_plus_tanh")


@dataclasses.dataclass(frozen=True)
class Gate:
    """A place in a plan from which on the width depends on the image.

    A family whose width can be chosen image by image has a property `gates`,
    a tuple of these in the order of the plan. Up to the first one no channel
    depends on the gates' genes, and none between two gates depends on the
    gene of the second.

    Reference:
    - Dynamic Slimmable Network (Li et al., CVPR 2021), section 3.3: the gate
      is an attention module that has a second head.

    Args:
        operation: Name of the squeeze-excite of the plan that gets the second
            head.
        gene: Index of the gene that it sets among the widths.
        choices: Values of the gene that it chooses from, from narrow to wide.
            The space may have others, which no image is sent to.
    """

    operation: str
    gene: int
    choices: tuple[int, ...]

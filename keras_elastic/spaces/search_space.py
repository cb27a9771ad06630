"""The search space: the choices of a family."""

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from keras_elastic import checks
from keras_elastic.spaces.architecture import FIELDS
from keras_elastic.spaces.architecture import Architecture
from keras_elastic.spaces.architecture import Genes
from keras_elastic.spaces.architecture import check_integers
from keras_elastic.spaces.genes import GeneTable


@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """The choices of a family, gene by gene.

    The fields are those of `Architecture`; each gene's place holds the tuple
    of its choices, in increasing order.

    Args:
        name: String. Name of the space, for messages and files.
        resolution: Choices of the input resolution in pixels.
        width: Choices of the channels, one tuple a gene.
        depth: Choices of the number of blocks, one tuple a stage.
        kernel_size: Choices of the kernel, one tuple a gene.
        expand_ratio: Choices of the expansion, one tuple a gene.
        owners: For each gene but the resolution, the block that it is of, as
            a pair (stage, block), both from 0, or `None`. Where the depth gene
            of the stage leaves the block out, the gene means nothing and is
            set to its smallest choice, so that equal networks are equal
            architectures. Empty for no owners.
        labels: For each gene but the resolution, what it is of, for messages:
            "stem", "stage 2 block 1". Empty for no labels.

    Raises:
        ValueError: A gene has no choice, its choices are not positive integers
            in increasing order, or owners or labels are not one a gene.

    Example:

    >>> space = keras_elastic.families.get("bignas").space
    >>> arch = space.sample(np.random.default_rng(0))
    >>> space.contains(arch)
    True
    """

    name: str
    resolution: tuple[int, ...]
    width: tuple[tuple[int, ...], ...]
    depth: tuple[tuple[int, ...], ...]
    kernel_size: tuple[tuple[int, ...], ...]
    expand_ratio: tuple[tuple[int, ...], ...]
    owners: tuple[tuple[int, int] | None, ...] = ()
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checks.STRING.check("name", self.name)
        for field in FIELDS[1:]:
            checks.SEQUENCE.check(field, getattr(self, field))
        checks.each(checks.PAIR | checks.NONE).check("owners", self.owners)
        checks.each(checks.TEXT).check("labels", self.labels)
        resolution = check_integers("resolution", self.resolution)
        object.__setattr__(self, "resolution", resolution)
        for field in FIELDS[1:]:
            genes = tuple(
                check_integers(f"{field}[{index}]", gene)
                for index, gene in enumerate(getattr(self, field))
            )
            object.__setattr__(self, field, genes)
        for label, choices in self.genes:
            if not choices or any(np.diff(choices) <= 0) or choices[0] <= 0:
                raise ValueError(
                    f"The choices of `{label}` in the space '{self.name}' "
                    "must be positive integers in increasing order. "
                    f"Received: {choices}."
                )
        self._check_lengths()

    def _check_lengths(self) -> None:
        expected = len(self.genes) - 1
        owners = tuple(None if o is None else tuple(o) for o in self.owners)
        object.__setattr__(self, "owners", owners)
        object.__setattr__(self, "labels", tuple(self.labels))
        for field in ("owners", "labels"):
            received = len(getattr(self, field))
            if received not in (0, expected):
                raise ValueError(
                    f"`{field}` of the space '{self.name}' must be empty or "
                    f"have an entry for each of its {expected} genes. "
                    f"Received: {received} entries."
                )

    @functools.cached_property
    def genes(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """Pairs of a gene's label and its choices, in the encoding's order."""
        labeled = [("resolution", self.resolution)]
        for field in FIELDS[1:]:
            for index, choices in enumerate(getattr(self, field)):
                labeled.append((f"{field}[{index}]", choices))
        return tuple(labeled)

    @functools.cached_property
    def _table(self) -> GeneTable:
        return GeneTable(self)

    @property
    def size(self) -> int:
        """Number of architectures in the space, each network once."""
        counts = [len(choices) for _, choices in self.genes]
        # How many ways there are to fill each block, by the gene of its depth.
        ways: dict[int, dict[int, int]] = {}
        for gene, depth, block in self._table.owned:
            blocks = ways.setdefault(depth, {})
            blocks[block] = blocks.get(block, 1) * counts[gene]
            counts[gene] = 1
        for gene, blocks in ways.items():
            counts[gene] = sum(
                math.prod(blocks.get(block, 1) for block in range(depth))
                for depth in self.genes[gene][1]
            )
        return math.prod(counts)

    def canonical(self, arch: Architecture) -> Architecture:
        """Sets the genes of blocks that are left out to their smallest choice.

        Raises:
            ValueError: `arch` is not in this space.
        """
        return self.decode(self.encode(arch))

    @property
    def largest(self) -> Architecture:
        """The architecture with the largest choice of every gene."""
        return self.decode([choices[-1] for _, choices in self.genes])

    @property
    def smallest(self) -> Architecture:
        """The architecture with the smallest choice of every gene."""
        return self.decode([choices[0] for _, choices in self.genes])

    @checks.arguments(rng=checks.GENERATOR)
    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draws every gene uniformly from its choices."""
        return self.decode(self.sample_encoded(rng, 1)[0])

    @checks.arguments(rng=checks.GENERATOR, count=checks.COUNT)
    def sample_encoded(
        self, rng: np.random.Generator, count: int
    ) -> np.ndarray:
        """Draws `count` architectures; int32 array of (count, genes)."""
        return self._table.sample(rng, count)

    def validate(self, arch: Architecture) -> None:
        """Raises a `ValueError` that names every field that does not fit."""
        if not isinstance(arch, Architecture):
            raise ValueError(
                "`arch` must be a `keras_elastic.Architecture`. "
                f"Received: {arch!r} (of type {type(arch).__name__})."
            )
        problems = self._length_problems(arch)
        where = "is of another family than"
        if not problems:
            problems = self._choice_problems(arch)
            where = "is not in"
        if problems:
            raise ValueError(
                f"The architecture {where} the space '{self.name}': "
                + "; ".join(problems)
                + f". Received: {arch.to_json()}"
            )

    def _length_problems(self, arch: Architecture) -> list[str]:
        problems = []
        for field in FIELDS[1:]:
            expected = len(getattr(self, field))
            received = len(getattr(arch, field))
            if expected != received:
                problems.append(
                    f"`{field}` needs {expected} values and has {received}"
                )
        return problems

    def _choice_problems(self, arch: Architecture) -> list[str]:
        return [
            f"`{label}`{self._of(gene)} must be one of {choices} and is "
            f"{value}{_neighbors(value, choices)}"
            for gene, ((label, choices), value) in enumerate(
                zip(self.genes, _flatten(arch), strict=True)
            )
            if value not in choices
        ]

    def _of(self, gene: int) -> str:
        return f" ({self.labels[gene - 1]})" if gene and self.labels else ""

    def contains(self, arch: Architecture) -> bool:
        """Whether every gene of `arch` is one of its choices."""
        try:
            self.validate(arch)
        except ValueError:
            return False
        return True

    def encode(self, arch: Architecture) -> np.ndarray:
        """Encodes an architecture as an int32 vector of its gene values.

        The encoding is canonical: equal networks have equal vectors.

        Raises:
            ValueError: `arch` is not in this space.
        """
        self.validate(arch)
        return self._table.canonical(np.array(_flatten(arch), dtype="int32"))

    def decode(self, vector: Any) -> Architecture:
        """Returns the architecture that `vector` encodes.

        Raises:
            ValueError: `vector` does not encode an architecture of this space.
        """
        vector = np.asarray(vector)
        if vector.shape != (len(self.genes),):
            raise ValueError(
                f"`vector` must have shape ({len(self.genes)},), a value for "
                f"each gene of the space '{self.name}'. "
                f"Received: shape={vector.shape}."
            )
        arch = Architecture(*self.unstack(vector.tolist()))
        self.validate(arch)
        canonical = self._table.canonical(vector).tolist()
        return Architecture(*self.unstack(canonical))

    def unstack(self, vectors: Any) -> Genes:
        """Names the genes of encoded architectures, without checking them.

        Args:
            vectors: A list, a tensor of shape (genes,), or a NumPy array of
                shape (genes,) or (count, genes).

        Returns:
            `Genes` whose leaves are the entries of the vector, or, for a
            matrix, its columns.
        """
        if isinstance(vectors, np.ndarray):
            # Costs do not fit into the encoding's 32 bits.
            vectors = vectors.astype("int64").T
        lengths = [1] + [len(getattr(self, field)) for field in FIELDS[1:]]
        ends = np.cumsum(lengths)
        parts = [
            tuple(vectors[i] for i in range(end - length, end))
            for length, end in zip(lengths, ends, strict=True)
        ]
        return Genes(parts[0][0], *parts[1:])

    @property
    def one_gene_changes(self) -> np.ndarray:
        """The extremes of the space and their one-gene changes, encoded.

        Every quantity of a plan that can change within the space changes
        between two rows of this matrix, which is how the supernet learns
        which of its parts are elastic, and how large they must be.
        """
        low = [choices[0] for _, choices in self.genes]
        high = [choices[-1] for _, choices in self.genes]
        rows = [low, high]
        for base in (low, high):
            for i, (_, choices) in enumerate(self.genes):
                for choice in choices:
                    rows.append(base[:i] + [choice] + base[i + 1 :])
        return np.array(rows, dtype="int32")

    def keep_largest(self, **counts: int) -> "SearchSpace":
        """Returns a part of the space: fewer choices of some fields.

        Its encodings are encodings of this space too.

        Args:
            **counts: How many of the largest choices each gene of a field
                keeps, by field: `depth=1, expand_ratio=2`.

        Returns:
            `SearchSpace`.

        Raises:
            ValueError: A field is unknown or a count is not positive.
        """
        changes: dict[str, Any] = {}
        for field, count in counts.items():
            checks.one_of(FIELDS, field=field)
            checks.positive_integer(**{field: count})
            choices = getattr(self, field)
            changes[field] = (
                choices[-count:]
                if field == "resolution"
                else tuple(gene[-count:] for gene in choices)
            )
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict:
        """Returns plain Python values that `json.dumps` accepts."""
        return dataclasses.asdict(self)

    @classmethod
    @checks.arguments(values=checks.MAPPING)
    def from_dict(cls, values: dict) -> "SearchSpace":
        """Makes a space from what `to_dict` or its JSON holds."""
        fields = [field.name for field in dataclasses.fields(cls)]
        needed = {*fields} - {"owners", "labels"}
        if not needed <= {*values} <= {*fields}:
            raise ValueError(
                f"`values` must have the fields {fields}. Received: "
                f"{sorted(map(str, values))}."
            )
        return cls(**values)


def _neighbors(value: int, choices: tuple[int, ...]) -> str:
    """Says which choices lie around a value that is between two."""
    below = [choice for choice in choices if choice < value]
    above = [choice for choice in choices if choice > value]
    if below and above:
        return f", between {below[-1]} and {above[0]}"
    return ""


def _flatten(arch: Architecture) -> list[int]:
    tuples = [getattr(arch, field) for field in FIELDS[1:]]
    return [arch.resolution, *(value for t in tuples for value in t)]

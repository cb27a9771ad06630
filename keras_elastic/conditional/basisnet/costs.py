"""The cost of a BasisNet, by arithmetic on the plans of its networks."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from keras_elastic import checks
from keras_elastic.conditional.basisnet.stages import BASIS_OPERATIONS
from keras_elastic.spaces import Plan
from keras_elastic.spaces import costs
from keras_elastic.spaces import plan as primitives


class BasisNetCosts(NamedTuple):
    """What a BasisNet costs. Each is an integer or a NumPy array.

    `flops`: multiply-adds of one image that passes both stages: those of the
        two networks, of the coefficients, and of mixing the kernels. The
        first of N bases is counted as free: `(N - 1)` multiply-adds a weight.
    `params`: trainable weights.
    `light_flops`: multiply-adds of an image that exits after the first stage.
    """

    flops: Any
    params: Any
    light_flops: Any


@checks.arguments(
    light=checks.PLAN,
    specialist=checks.PLAN,
    num_bases=checks.POSITIVE_INTEGER,
    basis_blocks=checks.SEQUENCE,
)
def basisnet_costs(
    light: Plan, specialist: Plan, num_bases: int, basis_blocks: Sequence[int]
) -> BasisNetCosts:
    """Counts the multiply-adds and parameters of a BasisNet.

    Reference:
    - BasisNet: Two-stage Model Synthesis for Efficient Inference (Zhang et
      al., 2021), Table 2 of the supplement.

    Args:
        light: `Plan` of the lightweight network.
        specialist: `Plan` of a basis network. Plans may be over integers or
            over NumPy arrays, for many pairs at once.
        num_bases: Integer. Number of bases.
        basis_blocks: Sequence of integers: numbers of the blocks with bases,
            counted from 1 behind the stem.

    Returns:
        `BasisNetCosts`.

    Raises:
        ValueError: `num_bases` is not positive, or a plan over integers has no
            such block.

    Example:

    >>> plans = [
    ...     family.plan(arch, classes=1000)
    ...     for family, arch in (
    ...         keras_elastic.families.network("mobilenet_v3_small"),
    ...         keras_elastic.families.network("mobilenet_v3_large"),
    ...     )
    ... ]
    >>> round(basisnet_costs(*plans, 16, range(11, 16)).flops / 1e6, 1)
    289.9
    """
    basis_blocks = check_bases(specialist, num_bases, basis_blocks)
    first, second = costs(light), costs(specialist)
    mixed = mixed_weights(specialist, basis_blocks)
    features = _final_features(light)
    coefficients = len(basis_blocks) * num_bases
    light_flops = first.flops + features * coefficients
    mixing = (num_bases - 1) * mixed
    return BasisNetCosts(
        flops=light_flops + second.flops + mixing,
        params=first.params
        + second.params
        + mixing
        + (features + 1) * coefficients,
        light_flops=light_flops,
    )


def condconv_costs(
    plan: Plan, num_bases: int, basis_blocks: Sequence[int]
) -> BasisNetCosts:
    """Counts the multiply-adds and parameters of a `CondConvNet`.

    Args:
        plan: `Plan` of the network.
        num_bases: Integer. Number of experts.
        basis_blocks: As `basisnet_costs`.

    Returns:
        `BasisNetCosts`; an image never exits, so `light_flops` is 0.
    """
    basis_blocks = check_bases(plan, num_bases, basis_blocks)
    total = costs(plan)
    mixing = (num_bases - 1) * mixed_weights(plan, basis_blocks)
    routed = sum(
        block.in_channels * chosen
        for block, chosen in _numbered(plan, basis_blocks)
    )
    vectors = len(basis_blocks) * num_bases
    return BasisNetCosts(
        flops=total.flops + mixing + num_bases * routed,
        params=total.params + mixing + num_bases * routed + vectors,
        light_flops=0,
    )


def mixed_weights(plan, basis_blocks):
    """Weights of the kernels that have bases, of one basis."""
    total = 0
    for block, chosen in _numbered(plan, basis_blocks):
        for operation in block.operations:
            if isinstance(operation, BASIS_OPERATIONS):
                total += chosen * _kernel(operation)
    return total


def _numbered(plan, basis_blocks):
    """Pairs of a block and whether it has bases, also for arrays."""
    number = 0
    for block in plan.blocks[1:-1]:
        number = number + block.live
        chosen = sum((number == wanted) * 1 for wanted in basis_blocks)
        yield block, block.live * chosen


def _kernel(operation):
    size = operation.kernel_size**2
    if isinstance(operation, primitives.DepthwiseConvolution):
        return operation.channels * size
    return operation.in_channels * operation.filters * size


def _final_features(plan: Plan):
    return plan.blocks[-1].operations[-1].in_channels


@checks.arguments(
    plan=checks.PLAN,
    num_bases=checks.POSITIVE_INTEGER,
    basis_blocks=checks.SEQUENCE,
)
def check_bases(
    plan: Plan, num_bases: int, basis_blocks: Iterable[int]
) -> tuple[int, ...]:
    """Checks the bases of a network.

    Args:
        plan: `Plan`.
        num_bases: Integer.
        basis_blocks: Iterable of integers.

    Returns:
        `basis_blocks` as a sorted tuple.

    Raises:
        ValueError: `num_bases` is not positive, or there is no such block.
    """
    checks.each(checks.INTEGER).check("basis_blocks", tuple(basis_blocks))
    given = tuple(sorted(set(checks.plain(tuple(basis_blocks)))))
    live = [block.live for block in plan.blocks[1:-1]]
    # Of many networks at once, those that are too shallow have fewer.
    count = sum(bool(value) for value in live if isinstance(value, bool))
    count += sum(not isinstance(value, bool) for value in live)
    wrong = [
        number
        for number in given
        if not isinstance(number, int) or not 1 <= number <= count
    ]
    if wrong or not given:
        raise ValueError(
            f"`basis_blocks` must be numbers of blocks in 1..{count}, counted "
            "from the first block behind the stem. "
            f"Received: basis_blocks={given}, of which {wrong} do not "
            "exist."
        )
    return given

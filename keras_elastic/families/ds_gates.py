"""Where a dynamic slimmable network decides, and between what."""

import dataclasses


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

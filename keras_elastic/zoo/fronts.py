"""The front that a recipe's `drawn_from` names."""

from keras_elastic import files
from keras_elastic.selection.front import read_architectures
from keras_elastic.spaces import Architecture
from keras_elastic.zoo.places import find_supernet_entry


def load_archs(name, family) -> list[Architecture]:
    """Loads the architectures of a front, for a phase that trains them.

    Args:
        name: Path of a `front.csv`, a run, or a name of the zoo.
        family: The family that is trained.

    Raises:
        ValueError: There is no such front, it is damaged, or it is of another
            family.
    """
    if files.as_path(drawn_from=name).suffix == ".csv":
        return read_architectures(name, family)
    try:
        archs = [row.arch for row in find_supernet_entry(name).front.rows]
        for arch in archs:
            family.space.validate(arch)
    except ValueError as error:
        raise ValueError(
            "`drawn_from` must be 'skeletons', a front.csv, a run or a name of "
            f"the zoo, of the family '{family.name}'. Received: {str(name)!r}. "
            f"{error}"
        ) from error
    return archs

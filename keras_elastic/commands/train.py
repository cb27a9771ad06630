"""`keras-elastic train`: trains a recipe, by the repository's `train.py`."""

from keras_elastic.commands import mains


def add(commands):
    """Adds the command to those of a parser."""
    mains.add_script(
        commands, "train", "train a supernet and select children of it"
    )

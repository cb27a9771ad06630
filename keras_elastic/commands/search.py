"""`keras-elastic search`: a child for your budget, by `search.py`."""

from keras_elastic.commands import mains


def add(commands):
    """Adds the command to those of a parser."""
    mains.add_script(
        commands, "search", "search a trained supernet for your budget"
    )

"""The commands of `python -m keras_elastic`, one a file."""

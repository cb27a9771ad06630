"""The commands of `keras-elastic`: a file for each.

A module here that has a function `add(commands)` is a command: it adds its
parser, and sets `run` to a function of the parsed arguments. It imports what
takes time within that function, so that no help waits for Keras.
"""

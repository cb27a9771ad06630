"""A Keras model as a supernet: its graph is read into a family.

`graph` finds the operations, `steps` reads each of them, `blocks` puts them
together, `choices` makes the family, and `weights` copies the weights.
"""

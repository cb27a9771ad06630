"""The public callables of each namespace, with right arguments."""

"""Cascades: the next network is asked only when the one before is unsure."""

"""The zoo's entries: a folder each, with card, recipe, front and weights."""

"""Writes the page of each trained entry, which the site shows, into docs/."""

import pathlib

from keras_elastic import zoo

FOLDER = pathlib.Path(__file__).parents[1] / "docs" / "explore"

for entry in map(zoo.find_entry, zoo.entry_names()):
    if entry.is_trained:
        zoo.explore(entry.name, FOLDER / f"{entry.name}.html")

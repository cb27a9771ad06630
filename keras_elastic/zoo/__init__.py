"""The zoo: networks by name and budget, and the folders that hold them."""

import typing

from keras_elastic import lazy

if typing.TYPE_CHECKING:
    from keras_elastic.zoo.entry import Entry as Entry
    from keras_elastic.zoo.imports.importing import (
        import_checkpoint as import_checkpoint,
    )
    from keras_elastic.zoo.listing import list_models as list_models
    from keras_elastic.zoo.loading import load as load
    from keras_elastic.zoo.pages.exploring import explore as explore
    from keras_elastic.zoo.places import entry_names as entry_names
    from keras_elastic.zoo.places import find_entry as find_entry
    from keras_elastic.zoo.preset import save_preset as save_preset
    from keras_elastic.zoo.recipes import read_recipe as read_recipe
    from keras_elastic.zoo.sharing import upload as upload
    from keras_elastic.zoo.supernets import load_supernet as load_supernet
    from keras_elastic.zoo.supernets import load_teacher as load_teacher
    from keras_elastic.zoo.supernets import select as select

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "entry": ["Entry"],
        "imports.importing": ["import_checkpoint"],
        "listing": ["list_models"],
        "loading": ["load"],
        "pages.exploring": ["explore"],
        "places": ["entry_names", "find_entry"],
        "preset": ["save_preset"],
        "recipes": ["read_recipe"],
        "sharing": ["upload"],
        "supernets": ["load_supernet", "load_teacher", "select"],
    },
)

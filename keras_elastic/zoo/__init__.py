"""The zoo: networks by name and budget, and the folders that hold them."""

from keras_elastic import lazy

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

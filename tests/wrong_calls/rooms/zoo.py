"""Doors of `keras_elastic.zoo`."""

from keras_elastic import families
from keras_elastic import zoo
from wrong_calls.door import Door
from wrong_calls.values import folder
from wrong_calls.values import method


def doors():
    yield Door(
        "zoo.Entry",
        zoo.Entry,
        {},
        {"folder": "path"},
        more={"folder": (folder() / "no_such",)},
    )
    yield Door(
        "zoo.find_entry", zoo.find_entry, {}, {"name_or_folder": "entry"}
    )
    yield Door(
        "zoo.explore",
        zoo.explore,
        {"name_or_folder": "bignas_digits", "out": folder() / "page.html"},
        {"name_or_folder": "entry", "out": "path", "evaluated": "path?"},
        more={"out": ("page.pdf",), "evaluated": (folder(),)},
    )
    yield Door(
        "zoo.import_checkpoint",
        zoo.import_checkpoint,
        {"kind": "attentivenas", "weights": "no_such.pth"},
        {"kind": "choice", "weights": "path"},
    )
    yield Door("zoo.load_teacher", zoo.load_teacher, {}, {"name": "entry"})
    yield Door(
        "zoo.read_recipe",
        zoo.read_recipe,
        {"name": "bignas_digits", "changes": {}},
        {"name": "entry", "changes": "mapping", "smoke": "boolean"},
    )

    yield Door(
        "zoo.upload",
        zoo.upload,
        {"name_or_folder": "bignas_digits", "address": "hf://user/name@1"},
        {
            "name_or_folder": "entry",
            "address": "text",
            "card": "text",
            "overwrite": "boolean",
        },
        more={"address": ("hf://", "somewhere")},
    )

    def entry():
        return zoo.find_entry("bignas_digits")

    space = families.get("bignas_digits").space
    yield Door(
        "zoo.Entry.child",
        method(entry, "child"),
        {"arch": space.smallest},
        {
            "arch": "architecture",
            "statistics": "statistics",
            "classes": "positive integer?",
        },
    )
    yield Door(
        "zoo.Entry.supernet",
        method(entry, "supernet"),
        {},
        {"weights": "boolean"},
    )
    yield Door(
        "zoo.Entry.statistics",
        method(entry, "statistics"),
        {},
        {"row": "count"},
        more={"row": (1000,)},
    )

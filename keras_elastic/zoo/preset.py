"""A preset: the folder of one network, to keep and to hand over.

preset.json    name, class names, preprocessing, SHA-256s
model.keras    configuration and weights, as `keras.saving` reads them
labels.txt     the name of a class on each line
README.md      a card that says what is there, for you to go on with
"""

import json
import os
import pathlib
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import keras

from keras_elastic import checks
from keras_elastic import files
from keras_elastic import scratch
from keras_elastic import untrusted
from keras_elastic.export import child_checks
from keras_elastic.models import heads
from keras_elastic.models import outputs
from keras_elastic.models import preparation as preparations
from keras_elastic.models.class_names import give_names
from keras_elastic.models.preparation import Preparation
from keras_elastic.zoo import hub
from keras_elastic.zoo import model_card
from keras_elastic.zoo.folder import describe_preparation
from keras_elastic.zoo.places import PRESET
from keras_elastic.zoo.places import is_name

MODEL = "model.keras"
LABELS = "labels.txt"
CARD = "README.md"

FORMAT = 1
_REQUIRED = ("format", "name", "class_names", "multi_label", "files")
_CARD = """# {name}

{card}

| | |
|---|---|
| Images | {size} x {size} pixels, {channels}, in {low}..{high} |
| Others | the {crop}, resized ({resize}) |
| Classes | {classes} |
| Parameters | {params:,} |
| Written with | Keras {keras} |

```python
import keras_elastic as ke

model = ke.load("{place}")  # checks the files first
model = ke.load("{place}", classes=3)  # same trunk, new head
```

Without this library: `keras.saving.load_model("model.keras")`.
"""


@checks.arguments(
    model=checks.MODEL,
    folder=checks.PATH,
    card=checks.TEXT,
    overwrite=checks.BOOLEAN,
)
def save_preset(
    model: keras.Model,
    folder: str | os.PathLike[str],
    *,
    class_names: Sequence[str] | None = None,
    card: str = "",
    overwrite: bool = False,
) -> pathlib.Path | str:
    """Writes a network into a folder, or to a hub, where `load` reads it.

    The folder holds the configuration, the weights, the class names, what must
    become of an image, and a card. Optimizer state is left out. It is written
    whole or not at all, and `load` refuses files that were changed since.

    Args:
        model: `keras.Model` from images of shape (batch, resolution,
            resolution, 3), pixels in 0..255, to logits, or to probabilities
            of a softmax or of sigmoids at its end: a child, fine-tuned or
            not, a `BasisNet` or a `DSNet`. Its BatchNormalization
            statistics must be calibrated.
        folder: Path. Its parents are made. Or an address on a hub,
            `"hf://user/name"` or `"kaggle://user/model/framework/variation"`,
            as `keras_elastic.zoo.upload` takes them.
        class_names: Sequence of strings, by label. Defaults to
            `model.class_names` where it has them, else to `"0"`, `"1"`, ...
        card: String. Markdown for the card: what the network was trained on,
            how well it does, what it must not be used for. It may begin with
            front matter for the Hugging Face Hub, such as
            `---\\nlicense: mit\\n---`.
        overwrite: Boolean. Whether to replace a preset that is there.

    Returns:
        The path of the folder; on a hub, the address of the new revision.

    Raises:
        ValueError: The model is not calibrated, has layers that cannot be
            loaded safely (`Lambda`), class names do not fit, or the folder
            exists or cannot be written.
        ConnectionError: The hub is away.

    Example:

    ```python
    model = keras_elastic.load("bignas_digits", flops=1e6, classes=3)
    model.fit(images, labels)
    keras_elastic.save_preset(model, "my_model", class_names=["a", "b", "c"])
    model = keras_elastic.load("my_model")
    ```
    """
    contents = _Contents.check(model, class_names, card)
    if hub.is_address(folder):
        place = hub.find_place(folder)
        with tempfile.TemporaryDirectory() as within:
            whole = pathlib.Path(within)
            contents.write(whole)
            facts = {"name": model.name}
            return hub.put(place, whole, contents.about, facts, overwrite)
    folder = files.as_path(folder=folder)
    with files.refusing(folder=folder):
        files.try_writing(folder.parent)
    _check_place(folder, overwrite)
    with files.replacing_folder(folder) as whole:
        whole.mkdir()
        contents.write(whole)
    return folder


def add_preset(model, folder, *, class_names, card) -> None:
    """Writes a preset among the files of the run that it is the result of.

    All of its files are written, or none.

    Args:
        model: As `save_preset`.
        folder: Path of the folder of the run.
        class_names: As `save_preset`.
        card: As `save_preset`.

    Raises:
        ValueError: As `save_preset`.
    """
    contents = _Contents.check(model, class_names, card)
    with files.replacing_files(folder) as new:
        contents.write(new)


class _Contents(NamedTuple):
    """What a preset holds, once it is checked."""

    model: keras.Model
    about: str
    described: dict

    @classmethod
    def check(cls, model, class_names, card):
        """Raises a `ValueError` unless a model can be a preset."""
        resolution, classes = child_checks.check_child(model)
        names = child_checks.check_class_names(model, class_names, classes)
        _, multi_label = outputs.check_classifier(model)
        _check_safe(model)
        prepared = describe_preparation(preparations.find(model))
        about = _describe(model, card, resolution, names, prepared)
        described = {
            "class_names": list(names),
            "multi_label": multi_label,
            "preprocessing": {**prepared, "resolution": resolution},
        }
        return cls(model, about, described)

    def write(self, whole):
        """Writes the files into a folder."""
        # A copy, because the optimizer would be saved, too.
        uncompiled(self.model).save(whole / MODEL)
        names = self.described["class_names"]
        (whole / LABELS).write_text("\n".join(names) + "\n", "utf-8")
        (whole / CARD).write_text(self.about, "utf-8")
        preset = {
            "format": FORMAT,
            "name": self.model.name,
            **self.described,
            # Not of the card, which is for its readers to change.
            "files": {f: files.sha256(whole / f) for f in (MODEL, LABELS)},
        }
        with files.replacing(whole / PRESET, digest=True) as temporary:
            temporary.write_text(json.dumps(preset, indent=2) + "\n", "utf-8")


def is_preset(folder) -> bool:
    """Whether a folder holds a preset, and its name is not that of an entry.

    What an address on a hub stands for is pulled.
    """
    if is_name(folder):
        return False
    folder = files.as_path(name_or_folder=hub.pulled(folder))
    # A kill may have come while it was replaced.
    scratch.remove_leftovers(folder.parent)
    return (folder / PRESET).is_file()


def load_preset(folder, classes=None, weights=True) -> keras.Model:
    """Loads what `save_preset` wrote.

    Args:
        folder: Path of the folder, or an address on a hub.
        classes: Integer. Makes a new head for this many classes. Defaults to
            the trained head.
        weights: Boolean. Whether to load the weights.

    Returns:
        `keras.Model`, compiled.

    Raises:
        ValueError: A file is missing or was changed.
    """
    folder = files.as_path(folder=hub.pulled(folder))
    preset = _read(folder)
    verified_files(folder)
    try:
        # Lambda layers and the like are refused.
        model = keras.saving.load_model(
            folder / MODEL, compile=False, safe_mode=True
        )
    except (MemoryError, RecursionError) as error:
        raise ValueError(
            f"The network of the preset {str(folder)!r} cannot be built: it "
            "is too large, or nested too deep."
        ) from error
    if not weights:
        model = type(model).from_config(model.get_config())
    if classes is not None:
        model = heads.with_new_classifier(model, classes)
        return heads.compile_classifier(model)
    model = give_names(model, tuple(preset["class_names"]))
    # A model that is no child does not say so itself.
    prepared = preset.get("preprocessing", {})
    preparations.remember(model, Preparation.from_dict(prepared))
    return heads.compile_classifier(model, preset["multi_label"])


def verified_files(folder) -> list[pathlib.Path]:
    """Paths of the files that make up a preset, once they are checked."""
    digests = _read(folder)["files"]
    for file in (MODEL, LABELS):
        _verify(folder / file, digests.get(file))
    return [folder / file for file in (PRESET, MODEL, LABELS)]


def card_of(folder, card: str) -> str:
    """The card of a preset, or what to say instead."""
    path = folder / CARD
    if card.strip() or not path.is_file():
        return card
    return path.read_text("utf-8")


def _check_safe(model):
    unsafe = [
        layer.name
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.Lambda)
    ]
    if unsafe:
        raise ValueError(
            "`model` must be made of layers that load safely, without running "
            f"code of the file. Received: Lambda layers {unsafe}. Write a "
            "`keras.layers.Layer` instead."
        )


def _check_place(folder, overwrite):
    scratch.remove_leftovers(folder.parent)
    holds_preset = (folder / PRESET).is_file()
    if not folder.exists() or (overwrite and holds_preset):
        return
    fix = "Pass `overwrite=True` to replace it, or another folder."
    if not holds_preset:
        fix = "It holds no preset. Pass another folder."
    raise ValueError(
        "`folder` must be a new path, so that nothing is lost. "
        f"Received: folder={str(folder)!r}, which exists. {fix}"
    )


def uncompiled(model) -> keras.Model:
    """Returns a copy of a model without an optimizer, which is saved else."""
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    return copy


def _describe(model, card, resolution, names, prepared):
    shown = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    matter, card = model_card.split(card)
    text = _CARD.format(
        name=model.name,
        place=model_card.PLACE,
        card=card.strip() or "Nothing was said of this network yet.",
        channels=prepared["channels"],
        low=prepared["values"][0],
        high=prepared["values"][1],
        size=resolution,
        crop=prepared["crop"],
        resize=prepared["resize"],
        classes=f"{len(names)}: {shown}",
        params=model.count_params(),
        keras=keras.__version__,
    )
    return model_card.with_front_matter(matter, text)


def _read(folder):
    path = files.verified(folder / PRESET)
    preset = untrusted.read_json(path, "Save the preset again.")
    missing = [key for key in _REQUIRED if key not in preset]
    if missing or preset["format"] != FORMAT:
        raise ValueError(
            f"{str(path)!r} must describe a preset of format {FORMAT}. "
            f"Received: format {preset.get('format')}, without {missing}."
        )
    names = preset["class_names"]
    if not (
        isinstance(preset["files"], dict)
        and isinstance(preset["multi_label"], bool)
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
    ):
        raise ValueError(
            f"{str(path)!r} must have a dictionary of `files`, a list of "
            "strings as `class_names`, and a boolean `multi_label`. Save the "
            "preset again."
        )
    return preset


def _verify(path, expected):
    if expected is None:
        raise ValueError(
            f"{PRESET} must hold the SHA-256 of {path.name}, or nothing would "
            f"vouch for that file. Received: {str(path.with_name(PRESET))!r}, "
            "which has none. Save the preset again."
        )
    if not path.is_file():
        raise ValueError(
            f"The preset lacks its file {path.name}. Received: "
            f"{str(path.parent)!r}. Restore the file, or save it again."
        )
    if files.sha256(path) != expected:
        raise ValueError(
            f"The file {path.name} is damaged or was changed: it is not what "
            f"{PRESET} beside it describes. Received: {str(path)!r}. Restore "
            "the file, or save the preset again."
        )

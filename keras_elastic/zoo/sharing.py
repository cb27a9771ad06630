"""Puts entries, runs and presets on a hub."""

import os
import pathlib
import shutil
import tempfile

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.zoo import hub
from keras_elastic.zoo import model_card
from keras_elastic.zoo import places
from keras_elastic.zoo import preset

# What the card of an entry may point to.
_BESIDE = ("recipe.py", "front.png")


@checks.arguments(
    name_or_folder=checks.PATH,
    address=checks.STRING,
    card=checks.TEXT,
    overwrite=checks.BOOLEAN,
)
def upload(
    name_or_folder: str | os.PathLike[str],
    address: str,
    *,
    card: str = "",
    overwrite: bool = False,
) -> str:
    """Puts a whole entry, a run or a preset on a hub, where `load` finds it.

    All files go there together, in one commit or version, or none. They are
    checked before, and so are they when they are loaded. A run's checkpoints
    and logs stay.

    Args:
        name_or_folder: Name of a zoo entry, or the folder of a run or of a
            preset.
        address: `"hf://user/name"`, for which there must be a token (`hf auth
            login` or the variable `HF_TOKEN`), or
            `"kaggle://user/model/framework/variation"`.
        card: String. Markdown for the card instead of the folder's
            `README.md`. It may begin with front matter for the Hugging Face
            Hub, such as `---\\nlicense: mit\\n---`. Defaults to the
            `README.md`, or else to a description with the figures of the
            front.
        overwrite: Boolean. Whether to replace an entry or a preset that is
            there. A repository keeps its history, and Kaggle all versions.

    Returns:
        The address of what was put there, on the Hugging Face Hub with the
        commit as its revision.

    Raises:
        ValueError: There is no such entry, it has no weights, it is damaged,
            or the address is not one that the user may write to.
        ConnectionError: The hub is away.

    Example:

    ```python
    keras_elastic.zoo.upload("runs/mine", "hf://user/mine")
    model = keras_elastic.load("hf://user/mine", flops=1e6)
    ```
    """
    place = hub.find_place(address)
    name_or_folder = hub.pulled(name_or_folder)
    is_in_zoo = places.is_name(name_or_folder)
    if preset.is_preset(name_or_folder):
        folder = files.as_path(name_or_folder=name_or_folder)
        parts = preset.verified_files(folder)
        text = preset.card_of(folder, card)
        facts = {"name": folder.resolve().name}
    else:
        entry = places.find_entry(name_or_folder)
        _check_trained(entry)
        folder, parts = entry.folder, entry.verified_files()
        parts += [folder / f for f in _BESIDE if (folder / f).is_file()]
        text = model_card.of_entry(entry, card)
        facts = model_card.facts_of_entry(entry, is_in_zoo)
    with tempfile.TemporaryDirectory() as within:
        staged = pathlib.Path(within)
        for path in parts:
            shutil.copyfile(path, staged / path.name)
        return hub.put(place, staged, text, facts, overwrite)


def _check_trained(entry):
    if not entry.is_trained:
        raise ValueError(
            f"`name_or_folder` must be an entry with weights. Received: "
            f"'{entry.name}', which is not trained yet. Train it, or pass "
            "another."
        )

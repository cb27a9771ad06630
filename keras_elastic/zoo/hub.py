"""Entries and presets by their addresses on a hub.

`pulled` brings what one needs into the cache of the hub's own library: its
description, and the files that this names. Each is compared with its SHA-256.
No code is among them, and what would make Keras run some is refused.
"""

import json
import re
import sys
import zipfile

from keras_elastic import files
from keras_elastic import untrusted
from keras_elastic.zoo import hub_library
from keras_elastic.zoo import model_card
from keras_elastic.zoo.hugging_face import HuggingFace
from keras_elastic.zoo.kaggle import Kaggle

_HUBS = {"hf://": HuggingFace, "kaggle://": Kaggle}
# Plain names of data: no path, no program, nothing hidden.
_NAME = re.compile(r"\w[\w.-]*\.(csv|h5|json|keras|npz|txt)")
# Under which the classes of this library are registered.
_PACKAGES = ("elastic>", "keras_elastic>")
_STOCK = re.compile(
    r"keras|keras\.(activations|constraints|dtype_policies|initializers|layers"
    r"|ops|regularizers|src\.(models|ops))(\.\w+)*"
)
_said: set[str] = set()


def is_address(name_or_folder) -> bool:
    """Whether a name is an address on a hub."""
    is_text = isinstance(name_or_folder, str)
    return is_text and name_or_folder.startswith(tuple(_HUBS))


def find_place(address):
    """Returns the place on a hub that an address names.

    Args:
        address: String, as `"hf://user/name"`.

    Raises:
        ValueError: It is no address, or the hub's library is not installed.
    """
    for prefix, hub in _HUBS.items():
        if isinstance(address, str) and address.startswith(prefix):
            return hub(address)
    raise ValueError(
        "`address` must be 'hf://user/name' or "
        f"'kaggle://user/model/framework/variation'. Received: {address!r}."
    )


def pulled(name_or_folder):
    """Returns the folder in the cache that an address on a hub stands for.

    Args:
        name_or_folder: An address, or anything else, which is returned as it
            is.

    Raises:
        ValueError: Nothing that can be loaded is there, or open to the user;
            a file is not what its description says; the library of the hub
            is not installed.
        ConnectionError: The hub is away, and the cache has no copy.
    """
    if not is_address(name_or_folder):
        return name_or_folder
    place = find_place(name_or_folder)
    away = None
    try:
        place.find()
    except ConnectionError as error:
        away = error
    description = _fetch_description(place, away)
    if away is not None:
        _say(f"{away} Going on with the copy in {description.parent}.")
    digests = _read_digests(place, description)
    for name, digest in digests.items():
        _check(place, _fetch(place, name, away), digest)
    _say(
        f"What a hub holds is kept in {place.cache}, which the variable "
        f"{place.variable} moves."
    )
    return description.parent


def put(place, folder, card, facts, overwrite) -> str:
    """Puts a folder with an entry or a preset on a hub, with its card.

    Args:
        place: As `find_place` returns it.
        folder: Path of the folder. The card is written into it, and the
            digest of its description.
        card: String. Markdown; what it says of where it lies is replaced by
            the address.
        facts: Dictionary of what the hub reads: see `model_card`.
        overwrite: Boolean. Whether to replace an entry or a preset.

    Returns:
        The address of what is there now.
    """
    card = card.replace(model_card.PLACE, place.address)
    (folder / "README.md").write_text(place.card(card, facts), "utf-8")
    for name in hub_library.DESCRIPTIONS:
        path = folder / name
        if path.is_file():
            with files.replacing(path, digest=True) as temporary:
                temporary.write_bytes(path.read_bytes())
    return place.push(folder, f"{facts['name']}, by keras_elastic", overwrite)


def _fetch_description(place, away):
    for name in hub_library.DESCRIPTIONS:
        try:
            path = place.fetch(name)
        except ConnectionError as error:
            away = error
            continue
        if path is not None:
            place.fetch(files.digest_file(path).name)
            return path
    if away is not None:
        held = ", ".join(place.cached()) or "nothing that can be loaded"
        raise ConnectionError(
            f"{away} The cache {place.cache!r} has no copy; it holds: {held}."
        ) from away
    raise ValueError(
        f"{place.address!r} must hold an entry or a preset of this library, "
        f"with a file {' or '.join(hub_library.DESCRIPTIONS)}, and be open to "
        "you. Received: neither was found. Check the address; a private one "
        "needs a token."
    )


def _read_digests(place, description):
    """The SHA-256 of each file that an entry or a preset is made of."""
    fix = "Ask its author to upload it again."
    table = untrusted.read_json(files.verified(description), fix)
    digests = table.get("files")
    wrong = [
        name
        for name, digest in (
            digests.items() if isinstance(digests, dict) else [(None, None)]
        )
        if not (isinstance(digest, str) and _NAME.fullmatch(name or ""))
    ]
    if wrong:
        raise ValueError(
            f"{place.address!r} must hold an entry or a preset of this "
            f"library. Received: a {description.name} with files {wrong}, "
            f"which are none of one. {fix}"
        )
    return digests


def _fetch(place, name, away):
    path = place.fetch(name)
    if path is not None:
        return path
    if away is not None:
        raise ConnectionError(
            f"{away} The copy in the cache {place.cache!r} is not whole: it "
            f"lacks {name}. Load it again once the hub can be reached."
        )
    raise ValueError(
        f"{place.address!r} must hold the file {name}, which its description "
        "names. Received: none. Ask its author to upload it again."
    )


def _check(place, path, digest):
    if files.sha256(path) != digest:
        raise ValueError(
            f"The file {path.name} of {place.address!r} is damaged or was "
            f"changed: it is not what its description says. Received: "
            f"{str(path)!r}. Delete the folder {str(path.parent)!r} and the "
            f"file {str(path.resolve())!r}, and load it again; if that does "
            "not help, ask its author to upload it again."
        )
    if path.suffix == ".keras":
        _check_stock(place, path)


def _check_stock(place, path):
    """Raises a `ValueError` unless a model has stock layers, or ours."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        wrong = sorted({*_strangers(config)})
    except (
        KeyError,
        RecursionError,
        ValueError,
        zipfile.BadZipFile,
    ) as error:
        raise ValueError(
            f"The file {path.name} of {place.address!r} must be a model of "
            f"Keras. Received: {str(path)!r} ({error!r})."
        ) from error
    if wrong:
        raise ValueError(
            f"{path.name} of {place.address!r} must be made of stock layers "
            "of Keras and of layers of this library, for nothing that comes "
            f"from a hub is run. Received: {wrong}."
        )


def _strangers(value):
    """Names of classes and functions in a configuration that are not known."""
    if isinstance(value, dict):
        name = value.get("class_name")
        if isinstance(name, str) and not _is_known(value, name):
            yield f"{value.get('module')}.{name}"
        for part in value.values():
            yield from _strangers(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strangers(part)


def _is_known(value, name):
    # Whoever lists the zoo needs none of it.
    import keras

    module, registered = value.get("module"), value.get("registered_name")
    if isinstance(registered, str) and registered.startswith(_PACKAGES):
        # Else Keras goes on with the module.
        if keras.saving.get_registered_object(registered) is not None:
            return True
    elif registered not in (None, name):
        return False
    if name in ("Lambda", "__lambda__"):
        return False
    # Tables of ours, and the marks of Keras, have no module; functions of
    # Keras, such as "relu", are found by name in "builtins".
    return module in (None, "builtins") or (
        isinstance(module, str) and _STOCK.fullmatch(module) is not None
    )


def _say(text):
    """Says something once."""
    if text not in _said:
        _said.add(text)
        print(untrusted.printable(text), file=sys.stderr)

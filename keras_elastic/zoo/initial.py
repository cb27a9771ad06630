"""The weights that a recipe's `initial` names."""

import pathlib

import keras

from keras_elastic.models.initial_weights import InitialWeights
from keras_elastic.zoo import imagenet
from keras_elastic.zoo import preset
from keras_elastic.zoo.places import find_entry

_IMAGENET = "imagenet:"


def load_initial(name, family, classes) -> InitialWeights:
    """Loads the weights that a supernet begins with.

    Args:
        name: What a recipe calls them:

            - `"imagenet:efficientnet_lite0"`: a network with ImageNet weights;
            - a run, or an entry of the zoo: its supernet;
            - a preset, or a `.keras` file: a network of stock layers, as
              large as the largest subnet of the family.
        family: The family of the supernet, which names the layers.
        classes: Integer. Number of classes of the supernet.

    Raises:
        ValueError: There is no such network, it is damaged, or a package that
            holds it is not installed.
    """
    name = str(name)
    if name.startswith(_IMAGENET):
        network = name.removeprefix(_IMAGENET)
        plan, model = imagenet.load_network(network)
        ids = imagenet.class_ids()
        return InitialWeights.of_child(
            name, plan, model, ids, imagenet.readable(ids)
        )
    path = pathlib.Path(name)
    if path.suffix == ".keras" or preset.is_preset(path):
        return _of_network(name, family, classes)
    entry = find_entry(name)
    return InitialWeights.of_supernet(
        name, entry.supernet(), entry.labels, entry.class_names
    )


def _of_network(name, family, classes):
    """Of a file or a preset: a network, with or without names of classes."""
    names = None
    if name.endswith(".keras"):
        if not pathlib.Path(name).is_file():
            raise ValueError(
                "`initial` must be a .keras file, a preset, a run, a name of "
                f"the zoo, or '{_IMAGENET}NAME' with a NAME of "
                f"{list(imagenet.NETWORKS)}. Received: {name!r}, which does "
                "not exist."
            )
        model = keras.saving.load_model(name, compile=False, safe_mode=True)
    else:
        model = preset.load_preset(name)
        names = model.class_names
    plan = family.plan(family.space.largest, classes)
    return InitialWeights.of_child(name, plan, model, names, names)

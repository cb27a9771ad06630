"""The weights that a recipe's `initial` names."""

import pathlib

import keras

from keras_elastic import files
from keras_elastic.families import GraphFamily
from keras_elastic.models.converting.named import APPLICATIONS
from keras_elastic.models.converting.named import ELASTIC
from keras_elastic.models.converting.named import is_application
from keras_elastic.models.converting.named import load_elastic
from keras_elastic.models.initial_weights import InitialWeights
from keras_elastic.zoo import hub
from keras_elastic.zoo import imagenet
from keras_elastic.zoo import preset
from keras_elastic.zoo.places import find_supernet_entry

_IMAGENET = "imagenet:"


def recipe_initial(recipe, classes) -> InitialWeights | None:
    """Loads the weights that the supernet of a recipe begins with.

    Args:
        recipe: `Recipe`.
        classes: Integer. Number of classes of the supernet.

    Returns:
        The weights, or `None` for random ones.

    Raises:
        ValueError: As `load_initial`.
    """
    if recipe.initial_name is None:
        return None
    return load_initial(
        recipe.initial_name,
        recipe.make_family(),
        classes,
        recipe.family_changes,
    )


def load_initial(name, family, classes, changes=None) -> InitialWeights:
    """Loads the weights that a supernet begins with.

    Args:
        name: What a recipe calls them:

            - `"imagenet:efficientnet_lite0"`: a network with ImageNet weights;
            - `"keras.applications:MobileNetV2"`: likewise, for a family that
              `keras_elastic.elastic` made of such a network;
            - a run, or an entry of the zoo or of a hub: its supernet;
            - a preset, or a `.keras` file: a network of stock layers, as
              large as the largest subnet of the family. For a family that
              `keras_elastic.elastic` made: a model like the one that it was
              made of, or a child.
        family: The family of the supernet, which names the layers.
        classes: Integer. Number of classes of the supernet.
        changes: Dictionary of the arguments of `keras_elastic.elastic` that
            made the family, or `None`.

    Raises:
        ValueError: There is no such network, it is damaged, it cannot be
            downloaded, or a package that holds it is not installed.
    """
    name = str(hub.pulled(name))
    if name.startswith(_IMAGENET):
        network = name.removeprefix(_IMAGENET)
        plan, model = imagenet.load_network(network)
        ids = imagenet.class_ids()
        return InitialWeights.of_child(
            name, plan, model, ids, imagenet.readable(ids)
        )
    if is_application(name):
        return _of_application(name, family, changes or {})
    if pathlib.Path(name).suffix == ".keras":
        return _of_file(name, family, classes, changes or {})
    if preset.is_preset(name):
        model = preset.load_preset(name)
        return _of_child(name, family, classes, model, model.class_names)
    try:
        entry = find_supernet_entry(name)
    except ValueError as error:
        raise ValueError(f"`initial` cannot be loaded. {error}") from error
    return InitialWeights.of_supernet(
        name, entry.supernet(), entry.labels, entry.class_names
    )


def _of_application(name, family, changes):
    """Of a network of keras.applications, whose classes are ImageNet's."""
    if not isinstance(family, GraphFamily):
        raise ValueError(
            f"`initial` must be of the family '{family.name}'. Received: "
            f"{name!r}, whose own family is '{ELASTIC}{name}'. Pass that as "
            "`family` (--family)."
        )
    supernet = load_elastic(name, **changes)
    ids = imagenet.class_ids() if imagenet.has_class_names() else None
    names = None if ids is None else imagenet.readable(ids)
    return InitialWeights.of_supernet(name, supernet, ids, names)


def _of_file(name, family, classes, changes):
    path = files.as_path(initial=name)
    if not path.is_file():
        raise ValueError(
            "`initial` must be a .keras file, a preset, a run, a name of the "
            f"zoo, '{_IMAGENET}NAME' with a NAME of {list(imagenet.NETWORKS)}, "
            f"or '{APPLICATIONS}NAME'. Received: {name!r}, which does not "
            "exist."
        )
    model = keras.saving.load_model(
        files.verified(path), compile=False, safe_mode=True
    )
    if isinstance(family, GraphFamily) and not _is_child(model):
        supernet = load_elastic(path, **changes)
        return InitialWeights.of_supernet(name, supernet)
    return _of_child(name, family, classes, model)


def _is_child(model):
    """Whether the layers of a model have the names that a child's have."""
    names = {layer.name for layer in model.layers}
    return {"images", "rescaling", "logits"} <= names


def _of_child(name, family, classes, model, class_names=None):
    plan = family.plan(family.space.largest, classes)
    return InitialWeights.of_child(name, plan, model, class_names, class_names)

"""What a classifier answers to labeled images."""

import dataclasses
from typing import NamedTuple

import numpy as np
from keras import ops

from keras_elastic.models import outputs
from keras_elastic.zoo import imagenet

# How many of the most probable classes are kept of each image.
BEST = 5
_NAMED = 5


class Mistake(NamedTuple):
    """An image that was taken for one of another class.

    `confidence`: the probability of the class that it was taken for.
    `image`: uint8 array of shape (height, width, 3), as the model saw it.
    `label` and `predicted`: numbers of classes.
    """

    confidence: float
    image: np.ndarray
    label: int
    predicted: int


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """The answers to labeled images, by the numbers of the model's classes.

    Args:
        labels: Integers of shape (images,).
        best: Integers of shape (images, five or fewer), the most probable
            classes of each image, the first of them its answer.
        confidence: Floats of shape (images,), the probability of the answer.
        mistakes: List of `Mistake`, the most confident first.
    """

    labels: np.ndarray
    best: np.ndarray
    confidence: np.ndarray
    mistakes: list[Mistake]

    @property
    def predicted(self):
        """The answer to each image."""
        return self.best[:, 0]

    @property
    def correct(self):
        """Whether each image is answered right."""
        return self.predicted == self.labels


def check_single_label(model) -> None:
    """Raises a `ValueError` unless a model says one class of each image."""
    _, multi_label = outputs.check_classifier(model)
    if multi_label:
        raise ValueError(
            "`model` must choose one class of an image, as the labels of a "
            f"data set do. Received: model={model.name!r}, of which an image "
            "may have several labels. Evaluate it with `model.evaluate`."
        )


def ask(model, batches, places, num_mistakes=0) -> Answers:
    """Asks a model about labeled images.

    Args:
        model: `keras.Model` from images to scores of classes.
        batches: Iterable of pairs (images, labels), images as the model takes
            them.
        places: Integers: the number that the model has for each label.
        num_mistakes: Integer, how many of the most confident mistakes to keep
            with their images.

    Raises:
        ValueError: The model returns numbers that are not finite.
    """
    end, _ = outputs.check_classifier(model)
    labels, best, confidence = [], [], []
    mistakes: list[Mistake] = []
    for images, given in batches:
        returned = model.predict_on_batch(images)
        scores = ops.convert_to_numpy(
            outputs.to_probabilities(returned, end, False)
        )
        if not np.isfinite(scores).all():
            raise ValueError(
                "`model` must return finite numbers. Received: NaN or infinity "
                f"from model={model.name!r}. Load or train it again."
            )
        labels.append(places[ops.convert_to_numpy(given)])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :BEST]
        best.append(order)
        confidence.append(np.max(scores, axis=1))
        if num_mistakes:
            found = _mistakes(images, labels[-1], order[:, 0], confidence[-1])
            mistakes = _surest([*mistakes, *found], num_mistakes)
    return Answers(
        np.concatenate(labels),
        np.concatenate(best),
        np.concatenate(confidence),
        mistakes,
    )


def _mistakes(images, labels, predicted, confidence):
    # Most images are right, and need not be copied.
    wrong = np.flatnonzero(labels != predicted)
    pixels = ops.convert_to_numpy(images)
    return [
        Mistake(
            float(confidence[place]),
            np.clip(np.round(pixels[place]), 0, 255).astype("uint8"),
            int(labels[place]),
            int(predicted[place]),
        )
        for place in wrong
    ]


def _surest(mistakes, count):
    return sorted(mistakes, key=lambda m: -m.confidence)[:count]


def match_classes(model_name, known, classes, dataset_name, given):
    """Finds the number that a model has for each class of a data set.

    By their names, where both have names that are not numbers alone; a data
    set may then lack classes of the model. Otherwise in their order.

    Args:
        model_name: String, for the message.
        known: Names of the model's classes, by its numbers, or `None`.
        classes: Integer. Number of the model's classes.
        dataset_name: String, for the message.
        given: Names of the data set's classes, by label.

    Returns:
        Integers of shape (data set's classes,).

    Raises:
        ValueError: The data set has a class that the model lacks, or without
            names another number of classes.
    """
    known, given = (None if n is None else tuple(n) for n in (known, given))
    is_nameless = known is None or are_numbers(known) or are_numbers(given)
    if is_nameless or known == given:
        if len(given) != classes:
            raise ValueError(
                f"The data set '{dataset_name}' must have as many classes as "
                f"`model`, whose names cannot be compared. Received: "
                f"{len(given)} classes, and model={model_name!r} with "
                f"{classes}. Pass the model's own data set, or set "
                "`model.class_names`."
            )
        return np.arange(classes)
    for names in (given, imagenet.readable(given)):
        if set(names) <= set(known):
            return np.array([known.index(name) for name in names])
    missing = [name for name in given if name not in known]
    raise ValueError(
        f"The data set '{dataset_name}' must have classes of `model`, by their "
        f"names. Received: {len(missing)} classes that model={model_name!r} "
        f"lacks ({_some(missing)}); it has {_some(known)}. Rename the classes "
        "of the data set, fine-tune a new head with `keras_elastic.load(..., "
        "classes=N)`, or set `model.class_names`."
    )


def are_numbers(names) -> bool:
    """Whether names of classes are but their numbers."""
    return tuple(names) == tuple(str(number) for number in range(len(names)))


def _some(names):
    more = ", ..." if len(names) > _NAMED else ""
    return ", ".join(map(repr, names[:_NAMED])) + more

"""Entries of conditional models, which `keras_elastic.load` reads.

    model.json     kind, data set, classes, preprocessing, SHA-256s
    recipe.json    the recipe that trained it, where there was one
    front.csv      mean multiply-adds and accuracies, by exit or by window
    model.keras    the model; of a DS-Net one for each window of widths

A row of the front is a file and the threshold of its exits: see `MeanRow`.
"""

import functools

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.conditional.mean_front import MeanFront
from keras_elastic.models.preparation import find
from keras_elastic.models.preparation import remember
from keras_elastic.selection import Budget
from keras_elastic.zoo.folder import FRONT
from keras_elastic.zoo.folder import RECIPE
from keras_elastic.zoo.folder import EntryFolder
from keras_elastic.zoo.folder import damaged

MODEL = "model.keras"
LABELS = {"basisnet": "BasisNet", "dsnet": "DS-Net", "cascade": "cascade"}


class ConditionalEntry(EntryFolder):
    """A folder that holds a BasisNet, a DS-Net or a cascade.

    Args:
        folder: Path of the folder.

    Raises:
        ValueError: The folder is not such an entry.
    """

    required = (*EntryFolder.required, "most_flops")

    @property
    def label(self) -> str:
        """What the table of the zoo says that it is."""
        return LABELS[self.kind]

    @property
    def most_flops(self) -> float:
        """Multiply-adds of an image that goes all the way."""
        most = self._model["most_flops"]
        checks.RATE.check("most_flops", most)
        return most

    @functools.cached_property
    def front(self) -> MeanFront:
        """The front of mean multiply-adds."""
        return MeanFront.read(self._verified(FRONT))

    def choose(self, budget):
        """Returns the row of the front that a budget chooses.

        Args:
            budget: `Budget`, of mean multiply-adds alone.

        Raises:
            ValueError: Another cost is bounded, or no row is within it.
        """
        if budget != Budget(flops=budget.flops):
            raise ValueError(
                f"'{self.name}' is a {self.label}, with one set of weights at "
                "one resolution: there is a choice of mean `flops` alone. "
                f"Received: {budget}. Leave the other bounds out."
            )
        return self.front.best(budget.flops, self.most_flops, self.name)

    def network(self, budget, *, arch=None, classes=None, weights=True):
        """Loads the model of a budget.

        Args:
            budget: `Budget`, of mean multiply-adds alone.
            arch: `None`; others are refused.
            classes: Integer. Makes new heads for this many classes, and no
                exit. Defaults to the trained ones.
            weights: Boolean. Whether to load the weights.

        Returns:
            `keras.Model`, not compiled.

        Raises:
            ValueError: As `keras_elastic.load`.
        """
        if arch is not None:
            raise ValueError(
                f"`arch` chooses a subnet of a supernet, and '{self.name}' is "
                f"a {self.label}. Received: arch={arch}. Pass `flops`, a mean "
                "over images, instead."
            )
        row = self.choose(budget)
        if classes and budget.flops is not None and row.threshold is not None:
            raise ValueError(
                "`flops` is met by a threshold of the trained head, which says "
                "nothing of a new one. Received: both "
                f"classes={classes} and {budget}. Leave `flops` out; after "
                "fine-tuning, choose a threshold on held-out images with "
                "`keras_elastic.conditional.measure_early_exit`."
            )
        model = self._read(row.file)
        if not weights:
            model = type(model).from_config(model.get_config())
        if classes is not None:
            return model.with_new_classifier(classes)
        if row.threshold is None:
            return model
        return model.with_exit_threshold(row.threshold)

    def plans(self, file) -> list:
        """The networks that the model in a file is made of.

        Args:
            file: String. Name of a file of the front.

        Returns:
            List of tuples: a title, what is to be said, and the `Plan`.
        """
        from keras_elastic.conditional.drawn_plans import drawn_plans

        return drawn_plans(self.kind, self._read(file))

    def _read(self, file):
        import keras

        path = self._verified(file)
        try:
            # Lambda layers and the like are refused.
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except (MemoryError, RecursionError, TypeError) as error:
            raise ValueError(damaged(path)) from error


def write_entry(
    folder,
    *,
    kind,
    name,
    dataset,
    class_names,
    models,
    rows,
    most_flops,
    recipe=None,
) -> ConditionalEntry:
    """Writes an entry of a conditional model, all of its files or none.

    Args:
        folder: Path of the folder.
        kind: `"basisnet"`, `"dsnet"` or `"cascade"`.
        name: String. Name of the entry.
        dataset: String. Name of the data set.
        class_names: Sequence of strings, by label.
        models: Dictionary from the names of files to models.
        rows: Sequence of `MeanRow`.
        most_flops: Number. Multiply-adds of an image that goes all the way.
        recipe: `TrainingRecipe` that trained it, or `None`.

    Returns:
        The `ConditionalEntry`.
    """
    # Whoever lists entries has no use for what writes them.
    from keras_elastic.zoo import evaluation
    from keras_elastic.zoo.preset import uncompiled
    from keras_elastic.zoo.writing import write_model

    preparation = None
    if recipe is not None:
        preparation = evaluation.preparation(recipe)
        for model in models.values():
            remember(model, preparation)
    written = [*models, FRONT, *([] if recipe is None else [RECIPE])]
    with files.replacing_files(folder) as new:
        for file, model in models.items():
            with files.replacing(new / file, digest=True) as temporary:
                uncompiled(model).save(temporary)
        MeanFront(rows).write(new / FRONT)
        if recipe is not None:
            with files.replacing(new / RECIPE, digest=True) as temporary:
                temporary.write_text(recipe.to_json() + "\n")
        write_model(
            new,
            name=name,
            kind=kind,
            most_flops=float(most_flops),
            dataset=dataset,
            class_names=class_names,
            preparation=preparation or find(next(iter(models.values()))),
            written=written,
        )
    return ConditionalEntry(folder)

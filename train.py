"""Trains a supernet, selects children for budgets and exports one of them.

    python train.py                                  digits, a few minutes
    python train.py --recipe=bignas --data_dir=DIR   a recipe of the zoo
    python train.py --dataset=cifar10 --data_dir=DIR --patch_size=32 \\
        --family=bignas_cifar10                      TFDS data, by name
    python train.py --dataset=my_photos/ --patch_size=32 \\
        --family=bignas_cifar10                      a folder of images

A run that was killed resumes when the same command is given again.
"""

import functools
import os
import pathlib

# Before TensorFlow is imported: its notes on this machine's processor and
# drivers would bury the progress bar.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf
from absl import flags
from absl import logging

import keras_elastic as ke
from keras_elastic import files
from keras_elastic import scripts
from keras_elastic import zoo
from keras_elastic.data import steps_per_epoch
from keras_elastic.data import training_batches
from keras_elastic.selection import Budget
from keras_elastic.selection import CoarseToFine
from keras_elastic.selection import Front
from keras_elastic.selection import FrontRow
from keras_elastic.selection.budget import short
from keras_elastic.spaces import costs
from keras_elastic.training import Recipe
from keras_elastic.training import Sandwich
from keras_elastic.training import Single
from keras_elastic.training import Trainer

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "recipe", "bignas_digits", "Name of a zoo entry, or a recipe file."
)
flags.DEFINE_string("run_dir", None, "Folder of the run. [runs/<recipe>]")
flags.DEFINE_string("data_dir", None, "Folder of data sets in TFDS form.")
flags.DEFINE_enum(
    "strategy", "none", ["none", "mirrored"], "The tf.distribute strategy."
)
flags.DEFINE_enum(
    "mode", "sliced", ["sliced", "masked"], "How the supernet runs a subnet."
)
flags.DEFINE_boolean(
    "compare", False, "Train the largest architecture alone, too."
)
flags.DEFINE_boolean("smoke", False, "Two epochs, few candidates: a test.")
flags.DEFINE_boolean(
    "tensorboard", False, "Write logs for TensorBoard. Needs the extra of it."
)
# Flags that override a field of the recipe.
flags.DEFINE_string("family", None, "Overrides the recipe.")
flags.DEFINE_string("dataset", None, "Overrides: digits, a folder, TFDS name.")
flags.DEFINE_integer("limit", None, "Overrides. Training images to use.")
flags.DEFINE_string("augmentation", None, "Overrides the recipe.")
flags.DEFINE_integer("patch_size", None, "Overrides the recipe. Pixels.")
flags.DEFINE_integer("batch_size", None, "Overrides the recipe. All replicas.")
flags.DEFINE_integer("epochs", None, "Overrides the recipe.")
flags.DEFINE_float("learning_rate", None, "Overrides the recipe. Peak.")
flags.DEFINE_integer("seed", None, "Overrides the recipe.")
flags.DEFINE_list("budgets", None, "Overrides: multiply-adds, e.g. 4e5,2e6.")

OVERRIDES = (
    "family",
    "dataset",
    "limit",
    "augmentation",
    "patch_size",
    "batch_size",
    "epochs",
    "learning_rate",
    "seed",
    "budgets",
)


def main(argv):
    if len(argv) > 1:
        raise ValueError(f"Unknown arguments: {argv[1:]}. See --help.")
    logging.set_verbosity(logging.WARNING)

    # ------------------------------------------------------------ recipe
    recipe = read_recipe()
    run = pathlib.Path(FLAGS.run_dir or f"runs/{recipe.name}")
    family = recipe.make_family()

    # -------------------------------------------------------------- data
    dataset = ke.data.load_dataset(
        recipe.dataset, FLAGS.data_dir, limit=recipe.limit
    )
    steps = steps_per_epoch(dataset.train, recipe.batch_size)
    budgets = [Budget(flops=flops) for flops in recipe.budgets]
    for budget in budgets:
        budget.check_reachable(family, dataset.num_classes)
    check_batch_size(recipe)
    # What is wrong with the augmentation shows before anything is written.
    make_batches(recipe, dataset)(epoch=0, start_batch=0)
    remember_recipe(run, recipe)
    print(
        f"{dataset.name}: {dataset.train.size} images to train on, "
        f"{dataset.held_out.size} held out to select with, "
        f"{dataset.test.size} to report on; {dataset.num_classes} classes.\n"
        f"{family.name}: {family.space.size:,} architectures."
    )

    # ------------------------------------------------------------- train
    supernet = train(recipe, family, dataset, steps, run, Sandwich)

    # -------------------------------------------- calibrate and select
    scorer = zoo.make_scorer(supernet, recipe, dataset)
    print("Selecting children on held-out images")
    strategy = CoarseToFine(mutants=recipe.mutants, seed=recipe.seed)
    strategy.search(
        family,
        dataset.num_classes,
        scorer,
        budgets,
        scripts.make_progress("candidate"),
    )
    front, statistics = make_front(scorer, zoo.test_batches(recipe, dataset))

    # -------------------------------------------------- save and export
    entry = zoo.write_entry(
        run,
        name=recipe.name,
        supernet=supernet,
        class_names=dataset.class_names,
        recipe=recipe,
        front=front,
        statistics=statistics,
    )
    rows = [front.best(budget, entry.name) for budget in budgets]
    model = ke.load(run, flops=budgets[0].flops)
    version = ke.export.next_version(run / "served")
    served = ke.export.saved_model(model, run / "served", version)

    # ------------------------------------------------------------ report
    print_table(
        [(str(budget), row) for budget, row in zip(budgets, rows, strict=True)]
    )
    if FLAGS.compare:
        compare(recipe, family, dataset, steps, run, scorer)
    print(
        f"\nWrote {run}/front.csv ({len(front.rows)} architectures), "
        f"{run}/{zoo.entry.WEIGHTS} and the SavedModel {served}.\n"
        "Next, take a child for your own budget:\n\n"
        f"    python search.py --run={run} --flops={short(recipe.budgets[-1])}"
        + (f" --data_dir={FLAGS.data_dir}" if FLAGS.data_dir else "")
        + "\n"
    )


def read_recipe():
    """Returns the recipe of the flags."""
    path = pathlib.Path(FLAGS.recipe)
    if path.suffix != ".py":
        path = zoo.recipe_file(FLAGS.recipe)
    recipe = Recipe.from_file(path)
    changes = {
        name: getattr(FLAGS, name)
        for name in OVERRIDES
        if getattr(FLAGS, name) is not None
    }
    if "budgets" in changes:
        changes["budgets"] = tuple(float(text) for text in changes["budgets"])
    if "family" in changes:
        # The recipe's changes are of the fields of its own family.
        changes["family_changes"] = {}
        changes.setdefault("budgets", spread_budgets(changes["family"]))
    if "dataset" in changes or "family" in changes:
        # A run of other data or another space is not the recipe's.
        words = [changes.get("family", recipe.family)]
        words.append(pathlib.Path(changes.get("dataset", recipe.dataset)).name)
        changes["name"] = "_".join(words)
    if FLAGS.smoke:
        name = changes.get("name", recipe.name)
        changes.update(epochs=2, mutants=2, name=f"{name}_smoke")
    return recipe.replace(**changes)


def spread_budgets(name):
    """Three budgets between the smallest and the largest of a family."""
    family = ke.families.get(name)
    low, high = (
        costs(family.plan(arch, classes=10)).flops
        for arch in (family.space.smallest, family.space.largest)
    )
    # Evenly apart as ratios, and 5 % more, which rounding cannot take away.
    quarters = (low * (high / low) ** (part / 4) for part in (1, 2, 3))
    return tuple(float(f"{1.05 * flops:.2g}") for flops in quarters)


def remember_recipe(run, recipe):
    """Writes the recipe, or checks that the run is resumed with the same."""
    path = run / zoo.entry.RECIPE
    if not path.exists():
        with files.replacing(path) as temporary:
            temporary.write_text(recipe.to_json() + "\n")
        return
    differences = recipe.differences(Recipe.from_json(path.read_text()))
    if differences:
        raise ValueError(
            f"The folder {str(run)!r} holds a run of another recipe: "
            f"{'; '.join(differences)}. Pass another --run_dir, or delete the "
            "folder."
        )


def make_batches(recipe, dataset):
    """Returns the function from an epoch and a start to its batches."""

    def batches(epoch, start_batch):
        return training_batches(
            dataset.train,
            batch_size=recipe.batch_size,
            patch_size=recipe.patch_size,
            seed=recipe.seed,
            epoch=epoch,
            augmentation=recipe.augmentation,
            start_batch=start_batch,
        )

    return batches


def train(recipe, family, dataset, steps, run, sampler, name="checkpoints"):
    """Trains a supernet by a recipe, from its last checkpoint if any."""
    keras.utils.set_random_seed(recipe.seed)
    with make_strategy().scope():
        supernet = ke.Supernet(family, dataset.num_classes, mode=FLAGS.mode)
        trainer = Trainer(
            supernet,
            recipe.make_optimizer(steps),
            sampler(),
            label_smoothing=recipe.label_smoothing,
            weight_decay=recipe.weight_decay,
            seed=recipe.seed,
        )
    trainer.fit(
        make_batches(recipe, dataset),
        epochs=recipe.epochs,
        steps_per_epoch=steps,
        folder=run / name,
        callbacks=make_callbacks(run, name),
    )
    return supernet


def check_batch_size(recipe):
    """Raises a `ValueError` if the replicas cannot share a batch out."""
    replicas = make_strategy().num_replicas_in_sync
    if recipe.batch_size % replicas:
        raise ValueError(
            f"`batch_size` must be a multiple of the {replicas} replicas of "
            f"--strategy={FLAGS.strategy}. Received: batch_size="
            f"{recipe.batch_size}. Pass another --batch_size."
        )


@functools.cache
def make_strategy():
    """Returns the `tf.distribute` strategy of the flags."""
    if FLAGS.strategy == "mirrored":
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def make_callbacks(run, name):
    """Keras callbacks: a CSV file, and TensorBoard if asked for."""
    callbacks = [keras.callbacks.CSVLogger(run / f"{name}.csv", append=True)]
    if FLAGS.tensorboard:
        logs = str(run / "tensorboard" / name)
        callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False))
    return callbacks


def make_front(scorer, batches):
    """Returns the front of all that was scored, and each row's statistics."""
    supernet = scorer.supernet
    scored = Front(
        FrontRow(
            arch,
            *costs(supernet.family.plan(arch, supernet.classes)),
            score.accuracy,
            -score.negative_loss,
        )
        for arch, score in scorer.scores.items()
    )
    statistics = [scorer.statistics(row.arch) for row in scored.rows]
    return scored.with_test_top1(
        scorer.evaluate(row.arch, values, batches).accuracy
        for row, values in zip(scored.rows, statistics, strict=True)
    ), statistics


def print_table(rows):
    """Prints budgets and what was selected for them."""
    head = ("budget", "flops", "params", "resolution", "test top-1")
    print("\n{:<18}{:>10}{:>10}{:>12}{:>12}".format(*head))
    for label, row in rows:
        print(
            f"{label:<18}{short(row.flops):>10}{short(row.params):>10}"
            f"{row.arch.resolution:>12}{row.test_top1:>12.2%}"
        )
    print("flops: multiply-adds of one image. top-1: on the test split.")


def compare(recipe, family, dataset, steps, run, scorer):
    """Prints the largest child beside the same network trained alone."""
    arch = family.space.largest
    alone = train(
        recipe, family, dataset, steps, run, lambda: Single(arch), "alone"
    )
    print("\nThe largest architecture, test top-1:")
    for label, supernet in (
        ("child of the supernet", scorer.supernet),
        (f"trained alone, {recipe.epochs} epochs", alone),
    ):
        judge = zoo.make_scorer(supernet, recipe, dataset)
        top1 = judge.evaluate(
            arch, judge.statistics(arch), zoo.test_batches(recipe, dataset)
        ).accuracy
        print(f"  {label:<28}{top1:>8.2%}")


if __name__ == "__main__":
    scripts.run(main)

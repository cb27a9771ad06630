"""Trains a supernet, selects children for budgets and exports one of them.

    python train.py                                  digits, a few minutes
    python train.py --recipe=bignas --data_dir=DIR   a recipe of the zoo
    python train.py --dataset=cifar10 --data_dir=DIR --patch_size=32 \\
        --family=bignas_cifar10                      TFDS data, by name
    python train.py --dataset=my_photos/ --patch_size=32 \\
        --family=bignas_cifar10                      a folder of images
    python train.py --dataset=my_photos/ --patch_size=64 \\
        --family=elastic:my_model.keras              a trained Keras model
    python train.py --recipe=basisnet_cifar10 --data_dir=DIR  two stages
    python train.py --strategy=mirrored              all GPUs of the machine
    python train.py --backend=torch                  PyTorch, on one device
    python train.py --backend=torch --dataset=cifar10.npz ...  no TensorFlow:
                     the file that `keras_elastic.data.packed.save` has written

A run that was killed resumes when the same command is given again. Every
field of a recipe is a flag too: see --help.
"""

import contextlib
import dataclasses
import functools
import os
import sys

from keras_elastic import startup

# Before the rest, which imports Keras on a backend.
startup.begin(sys.argv)

import keras
from absl import flags
from absl import logging

import keras_elastic as ke
from keras_elastic import files
from keras_elastic import scratch
from keras_elastic import scripts
from keras_elastic import zoo
from keras_elastic.commands import train_flags
from keras_elastic.conditional import BasisNetRecipe
from keras_elastic.conditional import CondConvRecipe
from keras_elastic.conditional import DSNetRecipe
from keras_elastic.data.image_checks import check_images
from keras_elastic.selection import Budget
from keras_elastic.selection.budget import short
from keras_elastic.training import Recipe
from keras_elastic.training import Run
from keras_elastic.training import Single
from keras_elastic.training import provenance
from keras_elastic.training import strategies
from keras_elastic.training.epoch_log import EpochLog
from keras_elastic.training.phases import PhaseTrainer
from keras_elastic.training.time_left import TellTimeLeft
from keras_elastic.untrusted import printable
from keras_elastic.zoo import evaluation
from keras_elastic.zoo import half_weights
from keras_elastic.zoo import recipes
from keras_elastic.zoo import stages
from keras_elastic.zoo.entry import WEIGHTS
from keras_elastic.zoo.fronts import load_archs
from keras_elastic.zoo.initial import recipe_initial
from keras_elastic.zoo.writing import check_data
from keras_elastic.zoo.writing import check_recipe
from keras_elastic.zoo.writing import remember_data
from keras_elastic.zoo.writing import remember_recipe
from keras_elastic.zoo.writing import write_entry

NO_LOCK = contextlib.nullcontext()

FLAGS = flags.FLAGS
recipe_flags = train_flags.define(
    Recipe, BasisNetRecipe, CondConvRecipe, DSNetRecipe
)


def main(argv):
    if len(argv) > 1:
        raise ValueError(f"Unknown arguments: {argv[1:]}. See --help.")
    logging.set_verbosity(logging.WARNING)
    train_flags.check_needs(keras.backend.backend())
    # Before anything else of TensorFlow.
    strategy = train_flags.make_strategy(keras.backend.backend())

    # ----------------------------------------------------- recipe and data
    recipe = zoo.read_recipe(FLAGS.recipe, recipe_flags(), smoke=FLAGS.smoke)
    options = {"skip_corrupt": True} if FLAGS.skip_corrupt else {}
    dataset = evaluation.load_dataset(recipe, FLAGS.data_dir, **options)
    run = make_run(recipe, dataset, strategy)

    # ------------------------ what is wrong shows before anything is written
    replicas = strategy.num_replicas_in_sync if strategy else 1
    train_flags.check_use(recipe, replicas)
    for below in ("training", "served"):
        files.try_writing(run.folder / below)
    check_recipe(run.folder, recipe)
    has_begun = check_data(run.folder, dataset)
    recipes.check_recipe(recipe, run)
    left = stages.time_left(recipe, run, FLAGS.compare)
    run = dataclasses.replace(
        run, make_callbacks=functools.partial(make_callbacks, recipe, run, left)
    )
    training = recipe.make_training(run)
    # Of a run that goes on they were decoded, and are the same.
    if FLAGS.check_images and run.is_chief and not has_begun:
        if not FLAGS.skip_corrupt:
            check_images(dataset, progress=True)

    # One process at a time: the others would write over its checkpoints.
    with scratch.locked(run.folder) if run.is_chief else NO_LOCK:
        begin(recipe, run)
        train(training, recipe, run, left)


def begin(recipe, run):
    """Writes what the run begins with, and says what it trains on."""
    dataset = run.dataset
    if run.is_chief:
        for folder, _, _ in os.walk(run.folder):
            scratch.remove_leftovers(folder)
        remember_data(run.folder, dataset)
        remember_recipe(run.folder, recipe)
    provenance.remember_start(
        run.folder / "starts.jsonl", strategy=FLAGS.strategy, seed=recipe.seed
    )
    print(
        f"{printable(dataset.name)}: {dataset.train.size} images to train on, "
        f"{dataset.held_out.size} held out to select with, "
        f"{dataset.test.size} to report on; {dataset.num_classes} classes."
    )


def train(training, recipe, run, left):
    """Trains what the run has not, selects, reports and exports."""
    with ke.data.naming_corrupt_files():
        trained = training.train()
        if not run.is_chief:
            return
        if isinstance(trained, ke.Supernet):
            select(trained, recipe, run, left)
        else:
            export_conditional(trained, run)


def select(supernet, recipe, run, left):
    """Selects children of a supernet for the budgets, and exports one."""
    dataset, folder = run.dataset, run.folder
    budgets = [Budget(flops=flops) for flops in recipe.budgets]

    # -------------------------------------------- calibrate and select
    half_weights.round_weights(
        evaluation.make_scorer(supernet, recipe, dataset)
    )
    scorer = evaluation.resume_scorer(supernet, recipe, dataset, folder)
    print("Selecting children on held-out images")
    recipes.make_search(recipe).search(
        supernet.family,
        dataset.num_classes,
        scorer,
        budgets,
        scripts.make_progress("candidate", left, stages.SELECTION),
    )
    if recipes.is_mutual(recipe):
        table = folder / "query_table.csv"
        evaluation.write_query_table(table, scorer, recipe.table_levels)
    print("Measuring the front on the test split")
    front, statistics = evaluation.make_front(
        scorer,
        evaluation.test_batches(recipe, dataset),
        scripts.make_progress("network", left, stages.TEST),
    )
    if FLAGS.latency:
        front = evaluation.time_front(
            front, supernet.family, dataset.num_classes
        )

    # -------------------------------------------------- save and export
    entry = write_entry(
        folder,
        name=recipe.name,
        supernet=supernet,
        class_names=dataset.class_names,
        recipe=recipe,
        front=front,
        statistics=statistics,
    )
    rows = [front.best(budget, entry.name) for budget in budgets]
    child = ke.load(folder, flops=recipe.budgets[0])
    served = export_model(child, folder)

    # ------------------------------------------------------------- report
    print_table(budgets, rows, dataset.test.size)
    print(evaluation.describe_ranking(front))
    if FLAGS.compare:
        compare(recipe, run, scorer)
    print(
        f"\nWrote {folder}/front.csv ({len(front.rows)} architectures), "
        f"{folder}/{WEIGHTS} and {served}: the child for {budgets[0]}, of "
        f"{short(rows[0].flops)} flops and {rows[0].arch.resolution} pixels.\n"
        "Next, take a child for your own budget:\n\n"
        f"    keras-elastic search --run={folder} "
        f"--flops={short(recipe.budgets[-1])}"
        + (f" --data_dir={FLAGS.data_dir}" if FLAGS.data_dir else "")
        + "\n"
    )


def export_conditional(trained, run):
    """Exports the models of a conditional run, and says what they do."""
    served = [
        f"{export_model(model, run.folder / name)}: {model.name}"
        for name, model in trained.models.items()
    ]
    print(
        f"\n{trained.table}\n\nWrote {run.folder}/results.csv, what it was "
        f"measured with, and {', '.join(served)}.\n"
        f"Next:\n\n    {recipes.next_command(run.folder)}\n"
    )


def make_run(recipe, dataset, strategy):
    """Returns the run that the flags describe."""
    compiled = FLAGS.jit_compile or FLAGS.strategy == "tpu"
    return Run(
        dataset=dataset,
        folder=FLAGS.run_dir or f"runs/{recipe.name}",
        mode=FLAGS.mode or ("masked" if compiled else "sliced"),
        jit_compile=compiled,
        scope=strategy.scope if strategy else contextlib.nullcontext,
        is_chief=strategy is None or strategies.is_chief(strategy),
        checkpoint_every=FLAGS.checkpoint_every,
        load_teacher=zoo.load_teacher,
        load_initial=recipe_initial,
        load_archs=load_archs,
    )


def make_callbacks(recipe, run, left, name, trainer):
    """Keras callbacks: a CSV file, and what the flags ask for."""
    if not trainer.is_chief:
        return []
    callbacks = [
        TellTimeLeft(left, name),
        EpochLog(run.folder / f"{name}.csv"),
    ]
    if FLAGS.validate_every:
        # First, because the logs hold what it measures.
        validation = evaluation.make_validation(
            recipe, run.dataset, trainer, FLAGS.validate_every
        )
        callbacks.insert(0, validation)
    if FLAGS.tensorboard:
        logs = str(run.folder / "tensorboard" / name)
        callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False))
    return callbacks


def export_model(model, folder):
    """Exports a model, and says what was written."""
    if keras.backend.backend() != "tensorflow":
        return "no SavedModel, which needs the TensorFlow backend"
    version = ke.export.next_version(folder / "served")
    served = ke.export.saved_model(model, folder / "served", version)
    return f"the SavedModel {served}"


def print_table(budgets, rows, images):
    """Prints budgets and what was selected for them."""
    head = ("budget", "flops", "params", "resolution", "test top-1")
    print("\n{:<18}{:>10}{:>10}{:>12}{:>18}".format(*head))
    for budget, row in zip(budgets, rows, strict=True):
        top1 = evaluation.with_error(row.test_top1, images)
        print(
            f"{str(budget):<18}{short(row.flops):>10}{short(row.params):>10}"
            f"{row.arch.resolution:>12}{top1:>18}"
        )
    print(
        "flops: multiply-adds of one image. top-1: on the test split, and its "
        f"standard error with {images} images."
    )


def compare(recipe, run, scorer):
    """Prints the largest child beside the same network trained alone."""
    dataset = run.dataset
    arch = scorer.supernet.space.largest
    alone = PhaseTrainer(recipe, run, stages.ALONE).train(Single(arch))
    print("\nThe largest architecture, test top-1:")
    for label, supernet in (
        ("child of the supernet", scorer.supernet),
        (f"trained alone, {recipe.epochs} epochs", alone),
    ):
        judge = evaluation.make_scorer(supernet, recipe, dataset)
        top1 = judge.evaluate(
            arch,
            judge.statistics(arch),
            evaluation.test_batches(recipe, dataset),
        ).accuracy
        top1 = evaluation.with_error(top1, dataset.test.size)
        print(f"  {label:<28}{top1:>18}")


if __name__ == "__main__":
    scripts.run(main)

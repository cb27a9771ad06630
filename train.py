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
import importlib.util
import os
import sys

# Before Keras and TensorFlow are imported: the backend, and silence about
# this machine's processor and drivers, which would bury the progress bar.
for place, argument in enumerate(sys.argv):
    flag, is_whole, backend = argument.partition("=")
    backend = backend if is_whole else "".join(sys.argv[place + 1 : place + 2])
    # What else is given is refused with the other flags.
    if flag in ("-backend", "--backend") and backend in ("tensorflow", "torch"):
        if importlib.util.find_spec(backend) is None:
            sys.exit(
                f"error: --backend={backend} needs `pip install {backend}`"
            )
        os.environ["KERAS_BACKEND"] = backend
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from absl import flags
from absl import logging

import keras_elastic as ke
from keras_elastic import files
from keras_elastic import scratch
from keras_elastic import scripts
from keras_elastic import zoo
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
from keras_elastic.untrusted import printable
from keras_elastic.zoo import evaluation
from keras_elastic.zoo import half_weights
from keras_elastic.zoo import recipes
from keras_elastic.zoo.entry import WEIGHTS
from keras_elastic.zoo.fronts import load_archs
from keras_elastic.zoo.initial import recipe_initial
from keras_elastic.zoo.writing import check_data
from keras_elastic.zoo.writing import check_recipe
from keras_elastic.zoo.writing import remember_data
from keras_elastic.zoo.writing import remember_recipe
from keras_elastic.zoo.writing import write_entry

TOP1 = "test top-1"
NO_LOCK = contextlib.nullcontext()

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "recipe", "bignas_digits", "Name of a recipe of the zoo, or a recipe file."
)
flags.register_validator("recipe", bool, "It must name a recipe, or a file.")
flags.DEFINE_string("run_dir", None, "Folder of the run. [runs/<recipe>]")
flags.DEFINE_string(
    "data_dir", None, "Folder of data sets, packed or in TFDS form."
)
flags.DEFINE_enum(
    "backend",
    keras.backend.backend(),
    ["tensorflow", "torch"],
    "The Keras backend. torch trains on one device; without TensorFlow, on "
    "digits and packed data sets.",
)
flags.DEFINE_enum(
    "strategy",
    "none",
    ["none", "mirrored", "multi_worker", "tpu"],
    "The tf.distribute strategy: one device, all GPUs of the machine, several "
    "machines (each with its TF_CONFIG), or a TPU.",
)
flags.DEFINE_string("tpu", "", "Name or address of the TPU. [this host's]")
flags.DEFINE_enum(
    "mode",
    None,
    ["sliced", "masked"],
    "How the supernet runs a subnet. [masked for XLA and TPU, else sliced]",
)
flags.DEFINE_boolean("jit_compile", False, "Compile the step with XLA.")
flags.DEFINE_integer(
    "checkpoint_every",
    None,
    "Steps between checkpoints, besides each epoch's.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "validate_every",
    0,
    "Epochs between validations of the smallest, the largest and two random "
    "subnets on held-out images. 0 for none.",
    lower_bound=0,
)
flags.DEFINE_boolean(
    "skip_corrupt", False, "Leave out the files of a folder that do not decode."
)
flags.DEFINE_boolean(
    "check_images",
    True,
    "Decode every image once before the run begins, so that one that cannot "
    "be decoded is named then. Takes as long as reading the data set.",
)
flags.DEFINE_boolean(
    "compare", False, "Train the largest architecture alone, too."
)
flags.DEFINE_boolean(
    "latency", False, "Time the networks of the front, for front.csv."
)
flags.DEFINE_boolean("smoke", False, "Two epochs, few candidates: a test.")
flags.DEFINE_boolean(
    "tensorboard", False, "Write logs for TensorBoard. Needs the extra of it."
)
recipe_flags = scripts.define_flags(
    Recipe, BasisNetRecipe, CondConvRecipe, DSNetRecipe, skip=("name",)
)


def main(argv):
    if len(argv) > 1:
        raise ValueError(f"Unknown arguments: {argv[1:]}. See --help.")
    logging.set_verbosity(logging.WARNING)
    check_needs()
    # Before anything else of TensorFlow.
    make_strategy()

    # ----------------------------------------------------- recipe and data
    recipe = zoo.read_recipe(FLAGS.recipe, recipe_flags(), smoke=FLAGS.smoke)
    options = {"skip_corrupt": True} if FLAGS.skip_corrupt else {}
    dataset = ke.data.load_dataset(
        recipe.dataset, FLAGS.data_dir, limit=recipe.limit, **options
    )
    run = make_run(recipe, dataset)

    # ------------------------ what is wrong shows before anything is written
    check_flags(recipe)
    for below in ("training", "served"):
        files.try_writing(run.folder / below)
    check_recipe(run.folder, recipe)
    has_begun = check_data(run.folder, dataset)
    recipes.check_recipe(recipe, run)
    training = recipe.make_training(run)
    # Of a run that goes on they were decoded, and are the same.
    if FLAGS.check_images and run.is_chief and not has_begun:
        if not FLAGS.skip_corrupt:
            check_images(dataset, progress=True)

    # One process at a time: the others would write over its checkpoints.
    with scratch.locked(run.folder) if run.is_chief else NO_LOCK:
        begin(recipe, run)
        train(training, recipe, run)


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


def train(training, recipe, run):
    """Trains what the run has not, selects, reports and exports."""
    with ke.data.naming_corrupt_files():
        trained = training.train()
        if not run.is_chief:
            return
        if isinstance(trained, ke.Supernet):
            select(trained, recipe, run)
        else:
            export_conditional(trained, run)


def select(supernet, recipe, run):
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
        scripts.make_progress("candidate"),
    )
    if recipes.is_mutual(recipe):
        table = folder / "query_table.csv"
        evaluation.write_query_table(table, scorer, recipe.table_levels)
    front, statistics = evaluation.make_front(
        scorer, evaluation.test_batches(recipe, dataset)
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
    print_table(
        [(str(budget), row) for budget, row in zip(budgets, rows, strict=True)]
    )
    print(evaluation.describe_ranking(front))
    if FLAGS.compare:
        compare(recipe, run, scorer)
    print(
        f"\nWrote {folder}/front.csv ({len(front.rows)} architectures), "
        f"{folder}/{WEIGHTS} and {served}.\n"
        "Next, take a child for your own budget:\n\n"
        f"    python search.py --run={folder} "
        f"--flops={short(recipe.budgets[-1])}"
        + (f" --data_dir={FLAGS.data_dir}" if FLAGS.data_dir else "")
        + "\n"
    )


def export_conditional(trained, run):
    """Exports the models of a conditional run, and says what they do."""
    served = [
        export_model(model, run.folder / name)
        for name, model in trained.models.items()
    ]
    print(
        f"\n{trained.table}\n\nWrote {run.folder}/results.csv, what it was "
        f"measured with, and {', '.join(served)}."
    )


def make_run(recipe, dataset):
    """Returns the run that the flags describe."""
    compiled = FLAGS.jit_compile or FLAGS.strategy == "tpu"
    strategy = make_strategy()
    run = Run(
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
    return dataclasses.replace(
        run, make_callbacks=functools.partial(make_callbacks, recipe, run)
    )


@functools.cache
def make_strategy():
    """Returns the `tf.distribute` strategy of the flags; none on torch."""
    if keras.backend.backend() == "tensorflow":
        try:
            return strategies.make_strategy(FLAGS.strategy, FLAGS.tpu)
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                f"--strategy={FLAGS.strategy} cannot be made: {error}"
            ) from error
    if FLAGS.strategy != "none":
        raise ValueError(
            "With --backend=torch training runs on one device. Received: "
            f"--strategy={FLAGS.strategy}. Use the TensorFlow backend."
        )
    return None


def check_needs():
    """Raises a `ValueError` for flags that need what is not there."""
    backend = keras.backend.backend()
    if FLAGS.backend != backend:
        raise ValueError(
            "--backend must be on the command line, where it is read before "
            f"Keras is imported. Received: --backend={FLAGS.backend} from "
            f"elsewhere, and Keras on {backend!r}."
        )
    for flag, package, needed in (
        ("tensorboard", "tensorboard", FLAGS.tensorboard),
        ("latency", "tensorflow", FLAGS.latency),
    ):
        if needed and importlib.util.find_spec(package) is None:
            raise ValueError(
                f"--{flag} needs `pip install {package}`. Received: --{flag}, "
                "which is not installed. Install it, or leave the flag out."
            )
    if FLAGS.tpu and FLAGS.strategy != "tpu":
        raise ValueError(
            "--tpu is of --strategy=tpu. Received: "
            f"--strategy={FLAGS.strategy}. Leave one of them out."
        )


def check_flags(recipe):
    """Raises a `ValueError` for flags that would do nothing."""
    unused = {
        "basisnet": ("mode", "validate_every", "compare"),
        "condconv": ("mode", "validate_every", "compare"),
        "dsnet": ("compare",),
    }
    given = [f for f in unused.get(recipe.kind, ()) if FLAGS[f].value]
    if given:
        raise ValueError(
            f"A recipe of kind {recipe.kind!r} has no use for {given}. "
            f"Received: --recipe={FLAGS.recipe}. Leave the flags out."
        )
    strategy = make_strategy()
    replicas = strategy.num_replicas_in_sync if strategy else 1
    if recipe.batch_size % (replicas * recipe.accumulation_steps):
        raise ValueError(
            f"`batch_size` must be a multiple of the {replicas} replicas of "
            f"--strategy={FLAGS.strategy} times the `accumulation_steps`. "
            f"Received: batch_size={recipe.batch_size}, accumulation_steps="
            f"{recipe.accumulation_steps}. Pass another --batch_size."
        )
    if recipe.mixup and (recipe.batch_size // replicas) % 2:
        raise ValueError(
            f"With `mixup` the part of each of the {replicas} replicas in a "
            f"batch must be even. Received: batch_size={recipe.batch_size}. "
            "Pass another --batch_size."
        )


def make_callbacks(recipe, run, name, trainer):
    """Keras callbacks: a CSV file, and what the flags ask for."""
    if not trainer.is_chief:
        return []
    log = run.folder / f"{name}.csv"
    callbacks = [EpochLog(log)]
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


def print_table(rows):
    """Prints budgets and what was selected for them."""
    head = ("budget", "flops", "params", "resolution", TOP1)
    print("\n{:<18}{:>10}{:>10}{:>12}{:>12}".format(*head))
    for label, row in rows:
        print(
            f"{label:<18}{short(row.flops):>10}{short(row.params):>10}"
            f"{row.arch.resolution:>12}{row.test_top1:>12.2%}"
        )
    print("flops: multiply-adds of one image. top-1: on the test split.")


def compare(recipe, run, scorer):
    """Prints the largest child beside the same network trained alone."""
    dataset = run.dataset
    arch = scorer.supernet.space.largest
    alone = PhaseTrainer(recipe, run, "alone").train(Single(arch))
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
        print(f"  {label:<28}{top1:>8.2%}")


if __name__ == "__main__":
    scripts.run(main)

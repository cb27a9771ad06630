"""Trains a supernet, selects children for budgets and exports one of them.

    python train.py                                  digits, a few minutes
    python train.py --recipe=bignas --data_dir=DIR   a recipe of the zoo
    python train.py --dataset=cifar10 --data_dir=DIR --patch_size=32 \\
        --family=bignas_cifar10                      TFDS data, by name
    python train.py --dataset=my_photos/ --patch_size=32 \\
        --family=bignas_cifar10                      a folder of images
    python train.py --recipe=basisnet_cifar10 --data_dir=DIR  two stages
    python train.py --strategy=mirrored              all GPUs of the machine
    python train.py --backend=torch                  PyTorch, on one device
    python train.py --backend=torch --dataset=cifar10.npz ...  no TensorFlow:
                     the file that `keras_elastic.data.packed.save` has written

A run that was killed resumes when the same command is given again. Every
field of a recipe is a flag too: see --help.
"""

import contextlib
import functools
import importlib.util
import os
import pathlib
import sys

# Before Keras and TensorFlow are imported: the backend, and silence about
# this machine's processor and drivers, which would bury the progress bar.
for argument in sys.argv[1:]:
    if argument.lstrip("-").startswith("backend="):
        backend = argument.partition("=")[2]
        if importlib.util.find_spec(backend or "none") is None:
            sys.exit(
                f"error: --backend={backend} needs `pip install {backend}`"
            )
        os.environ["KERAS_BACKEND"] = backend
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from absl import flags
from absl import logging

import keras_elastic as ke
from keras_elastic import scripts
from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection.budget import short
from keras_elastic.training import BasisNetRecipe
from keras_elastic.training import DSNetRecipe
from keras_elastic.training import PhaseTrainer
from keras_elastic.training import Recipe
from keras_elastic.training import RunSetting
from keras_elastic.training import Single
from keras_elastic.training import SubnetValidation
from keras_elastic.training import provenance
from keras_elastic.training import strategies
from keras_elastic.training import watched

TOP1 = "test top-1"

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "recipe", "bignas_digits", "Name of a recipe of the zoo, or a recipe file."
)
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
    "checkpoint_every", None, "Steps between checkpoints, besides each epoch's."
)
flags.DEFINE_integer(
    "validate_every",
    0,
    "Epochs between validations of the smallest, the largest and two random "
    "subnets on held-out images. 0 for none.",
)
flags.DEFINE_boolean(
    "skip_corrupt", False, "Leave out the files of a folder that do not decode."
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
    Recipe, BasisNetRecipe, DSNetRecipe, skip=("name",)
)


def main(argv):
    if len(argv) > 1:
        raise ValueError(f"Unknown arguments: {argv[1:]}. See --help.")
    logging.set_verbosity(logging.WARNING)
    # Before anything else of TensorFlow.
    make_strategy()

    # ------------------------------------------------------------ recipe
    recipe = zoo.read_recipe(FLAGS.recipe, recipe_flags(), smoke=FLAGS.smoke)
    run = pathlib.Path(FLAGS.run_dir or f"runs/{recipe.name}")

    # -------------------------------------------------------------- data
    dataset = load_dataset(recipe)
    zoo.check_recipe(recipe, dataset)
    check_batch_size(recipe)
    check_flags(recipe)
    is_basisnet = isinstance(recipe, BasisNetRecipe)
    # What is wrong with the flags shows before anything is written.
    trainer = None if is_basisnet else make_trainer(recipe, dataset, run)
    zoo.remember_recipe(run, recipe)
    provenance.remember_start(
        run / "starts.jsonl", strategy=FLAGS.strategy, seed=recipe.seed
    )
    print(
        f"{dataset.name}: {dataset.train.size} images to train on, "
        f"{dataset.held_out.size} held out to select with, "
        f"{dataset.test.size} to report on; {dataset.num_classes} classes."
    )

    # -------------------------------------------------------------- train
    with ke.data.naming_corrupt_files():
        if is_basisnet:
            return train_basisnet(recipe, dataset, run)
        space = trainer.family.space
        print(f"{space.name}: {space.size:,} architectures.")
        supernet = trainer.train()
        if isinstance(recipe, DSNetRecipe):
            return train_gates(supernet, recipe, dataset, run)
    if is_chief():
        report(supernet, recipe, dataset, run)


def report(supernet, recipe, dataset, run):
    """Selects children of a supernet for the budgets, and exports one."""
    budgets = [Budget(flops=flops) for flops in recipe.budgets]

    # -------------------------------------------- calibrate and select
    zoo.round_weights(zoo.make_scorer(supernet, recipe, dataset))
    scores = run / "scores.jsonl"
    scorer = zoo.make_scorer(supernet, recipe, dataset, cache=scores)
    print("Selecting children on held-out images")
    zoo.make_search(recipe).search(
        supernet.family,
        dataset.num_classes,
        scorer,
        budgets,
        scripts.make_progress("candidate"),
    )
    front, statistics = zoo.make_front(
        scorer, zoo.test_batches(recipe, dataset)
    )
    if FLAGS.latency:
        front = zoo.time_front(front, supernet.family, dataset.num_classes)

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
    served = export_child(run, budgets[0])

    # ------------------------------------------------------------- report
    print_table(
        [(str(budget), row) for budget, row in zip(budgets, rows, strict=True)]
    )
    if FLAGS.compare:
        compare(recipe, dataset, run, scorer)
    print(
        f"\nWrote {run}/front.csv ({len(front.rows)} architectures), "
        f"{run}/{zoo.entry.WEIGHTS} and {served}.\n"
        "Next, take a child for your own budget:\n\n"
        f"    python search.py --run={run} --flops={short(recipe.budgets[-1])}"
        + (f" --data_dir={FLAGS.data_dir}" if FLAGS.data_dir else "")
        + "\n"
    )


def load_dataset(recipe):
    """Loads the data set of a recipe."""
    options = {"skip_corrupt": True} if FLAGS.skip_corrupt else {}
    return ke.data.load_dataset(
        recipe.dataset, FLAGS.data_dir, limit=recipe.limit, **options
    )


def make_trainer(recipe, dataset, run, name="training"):
    """Returns what trains a recipe, with all flags."""
    compiled = FLAGS.jit_compile or FLAGS.strategy == "tpu"
    strategy = make_strategy()
    initial = recipe.initial and zoo.load_initial(
        recipe.initial, recipe.make_family(), dataset.num_classes
    )
    return PhaseTrainer(
        recipe,
        dataset.num_classes,
        functools.partial(zoo.epoch_batches, dataset=dataset),
        count_steps(recipe, dataset),
        run / name,
        mode=FLAGS.mode or ("masked" if compiled else "sliced"),
        jit_compile=compiled,
        scope=strategy.scope if strategy else contextlib.nullcontext,
        load_teacher=zoo.load_teacher,
        initial=initial,
        labels=dataset.class_names,
        make_callbacks=functools.partial(make_callbacks, recipe, dataset),
        checkpoint_every=FLAGS.checkpoint_every,
    )


def count_steps(recipe, dataset):
    """Steps of an epoch, of the images that there are."""
    batches = ke.data.steps_per_epoch(dataset.train, recipe.batch_size)
    return recipe.count_steps(batches)


def make_setting(recipe, dataset, run):
    """Returns what the trainings of conditional models share."""
    strategy = make_strategy()
    return RunSetting(
        folder=run,
        dataset=dataset,
        make_batches=functools.partial(zoo.epoch_batches, dataset=dataset),
        steps_per_epoch=count_steps(recipe, dataset),
        scope=strategy.scope if strategy else contextlib.nullcontext,
        is_chief=is_chief(),
        jit_compile=FLAGS.jit_compile or FLAGS.strategy == "tpu",
        checkpoint_every=FLAGS.checkpoint_every,
        make_callbacks=functools.partial(make_logs, run),
        load_teacher=zoo.load_teacher,
    )


def train_basisnet(recipe, dataset, run):
    """Trains a BasisNet, exports it, and says what an early exit does."""
    setting = make_setting(recipe, dataset, run)
    found = zoo.run_basisnet(recipe, setting)
    if found is None:
        return
    model, results = found
    served = export_model(model, run)
    print("\n{:<28}{:>10}{:>10}{:>12}".format("exit", "flops", "exits", TOP1))
    for row in results:
        print(
            f"{row.exit:<28}{short(row.flops):>10}{row.exits:>10.1%}"
            f"{row.test_top1:>12.2%}"
        )
    print(
        "flops: mean multiply-adds of an image. exits: images that end after "
        "the light network.\nThresholds were chosen on held-out images; all "
        "figures are of the test split.\n"
        f"\nWrote {run}/model.keras, {run}/early_exit.csv, {run}/results.csv "
        f"and {served}."
    )


def train_gates(supernet, recipe, dataset, run):
    """Trains the gates of a DS-Net, exports it, and compares with widths."""
    setting = make_setting(recipe, dataset, run)
    found = zoo.run_dsnet(supernet, recipe, setting)
    if found is None:
        return
    models, results = found
    served = [
        export_model(model, run / window) for window, model in models.items()
    ]
    print("\n{:<28}{:>10}{:>12}".format("network", "flops", TOP1))
    for row in results:
        print(f"{row.network:<28}{short(row.flops):>10}{row.test_top1:>12.2%}")
    print(
        "flops: mean multiply-adds of an image. top-1: on the test split.\n"
        f"\nWrote {run}/results.csv and {', '.join(served)}."
    )


@functools.cache
def make_strategy():
    """Returns the `tf.distribute` strategy of the flags; none on torch."""
    if keras.backend.backend() == "tensorflow":
        return strategies.make_strategy(FLAGS.strategy, FLAGS.tpu)
    if FLAGS.strategy != "none":
        raise ValueError(
            "With --backend=torch training runs on one device. Received: "
            f"--strategy={FLAGS.strategy}. Use the TensorFlow backend."
        )
    return None


def is_chief():
    """Whether this process writes files for all workers."""
    strategy = make_strategy()
    return strategy is None or strategies.is_chief(strategy)


def check_flags(recipe):
    """Raises a `ValueError` for flags that would do nothing."""
    unused = {
        "basisnet": ("mode", "validate_every", "compare"),
        "dsnet": ("compare",),
    }
    given = [f for f in unused.get(recipe.kind, ()) if FLAGS[f].value]
    if given:
        raise ValueError(
            f"A recipe of kind {recipe.kind!r} has no use for {given}. "
            f"Received: --recipe={FLAGS.recipe}. Leave the flags out."
        )


def check_batch_size(recipe):
    """Raises a `ValueError` if the replicas cannot share a batch out."""
    strategy = make_strategy()
    replicas = strategy.num_replicas_in_sync if strategy else 1
    if recipe.batch_size % (replicas * recipe.accumulation_steps):
        raise ValueError(
            f"`batch_size` must be a multiple of the {replicas} replicas of "
            f"--strategy={FLAGS.strategy} times the `accumulation_steps`. "
            f"Received: batch_size={recipe.batch_size}, accumulation_steps="
            f"{recipe.accumulation_steps}. Pass another --batch_size."
        )


def make_callbacks(recipe, dataset, name, trainer):
    """Keras callbacks: a CSV file, and what the flags ask for."""
    run = pathlib.Path(FLAGS.run_dir or f"runs/{recipe.name}")
    callbacks = make_logs(run, name, trainer)
    if FLAGS.validate_every and trainer.is_chief:
        # First, because the logs hold what it measures.
        callbacks.insert(0, make_validation(recipe, dataset, trainer))
    return callbacks


def make_logs(run, name, trainer):
    """Keras callbacks that write logs."""
    if not trainer.is_chief:
        return []
    callbacks = [keras.callbacks.CSVLogger(run / f"{name}.csv", append=True)]
    if FLAGS.tensorboard:
        logs = str(run / "tensorboard" / name)
        callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False))
    return callbacks


def make_validation(recipe, dataset, trainer):
    """Returns the callback that validates some subnets on held-out images."""
    # A copy, outside of the strategy.
    copy = ke.Supernet(trainer.supernet.family, trainer.supernet.classes)
    scorer = zoo.make_scorer(copy, recipe, dataset)

    def refresh():
        with trainer.averaged_weights():
            copy.set_weights(trainer.supernet.get_weights())

    def accuracy(arch):
        statistics = scorer.statistics(arch)
        return scorer.evaluate(
            arch, statistics, scorer.evaluation_batches
        ).accuracy

    archs = watched(copy.space, recipe.seed)
    return SubnetValidation(accuracy, archs, FLAGS.validate_every, refresh)


def export_child(run, budget):
    """Exports the child for a budget, and says what was written."""
    return export_model(ke.load(run, flops=budget.flops), run)


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


def compare(recipe, dataset, run, scorer):
    """Prints the largest child beside the same network trained alone."""
    arch = scorer.supernet.space.largest
    alone = make_trainer(recipe, dataset, run, "alone").train(Single(arch))
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

"""Selects a child of a trained supernet for a budget, and exports it.

    python search.py --run=runs/bignas_digits --flops=8e5
    python search.py --run=runs/bignas_digits --params=60e3 --resolution=8

The budget may be any mix of multiply-adds, parameters, memory and resolution.
Candidates are scored on held-out training images; the test split is used once,
for the child that was selected.
"""

import os
import pathlib

# Before TensorFlow is imported: its notes on this machine's processor and
# drivers would bury the progress bar.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from absl import flags
from absl import logging

import keras_elastic as ke
from keras_elastic import files
from keras_elastic import scripts
from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection import CoarseToFine
from keras_elastic.selection.budget import short

FLAGS = flags.FLAGS
flags.DEFINE_string("run", "runs/bignas_digits", "Folder of a finished run.")
flags.DEFINE_float("flops", None, "Most multiply-adds of one image.")
flags.DEFINE_float("params", None, "Most trainable weights.")
flags.DEFINE_float("memory", None, "Most bytes of activations of one image.")
flags.DEFINE_integer("resolution", None, "The input resolution in pixels.")
flags.DEFINE_string("data_dir", None, "Folder of data sets in TFDS form.")
flags.DEFINE_integer("mutants", 32, "Candidates of the fine search.")
flags.DEFINE_string("out", None, "Folder of the child. [<run>/children/...]")


def main(argv):
    if len(argv) > 1:
        raise ValueError(f"Unknown arguments: {argv[1:]}. See --help.")
    logging.set_verbosity(logging.WARNING)

    # ---------------------------------------------- supernet and budget
    entry = zoo.find_entry(FLAGS.run)
    budget = Budget(FLAGS.flops, FLAGS.params, FLAGS.memory, FLAGS.resolution)
    budget.check_reachable(entry.family, entry.classes)
    recipe = entry.recipe
    supernet = entry.supernet()
    dataset = ke.data.load_dataset(
        recipe.dataset, FLAGS.data_dir, limit=recipe.limit
    )
    zoo.check_same_classes(entry, dataset)

    # ------------------------------------------------------------ select
    scorer = zoo.make_scorer(supernet, recipe, dataset)
    selection = ke.select(
        FLAGS.run,
        flops=FLAGS.flops,
        params=FLAGS.params,
        memory=FLAGS.memory,
        resolution=FLAGS.resolution,
        scorer=scorer,
        strategy=CoarseToFine(mutants=FLAGS.mutants, seed=recipe.seed),
        progress=scripts.make_progress("candidate"),
    )

    # ------------------------------------- extract, calibrate and export
    statistics = scorer.statistics(selection.arch)
    model = supernet.child(selection.arch, statistics)
    model.class_names = entry.class_names
    default = f"{selection.costs.flops}_flops"
    out = pathlib.Path(FLAGS.out or entry.folder / "children" / default)
    out.mkdir(parents=True, exist_ok=True)
    with files.replacing(out / "architecture.json") as temporary:
        temporary.write_text(selection.arch.to_json() + "\n")
    with files.replacing(out / "model.keras") as temporary:
        model.save(temporary)
    version = ke.export.next_version(out / "served")
    served = ke.export.saved_model(model, out / "served", version)

    # ------------------------------------------------------------ report
    test = scorer.evaluate(
        selection.arch, statistics, zoo.test_batches(recipe, dataset)
    )
    print(
        f"\nSelected: {selection.reason}.\n"
        f"  {short(selection.costs.flops)} flops (multiply-adds), "
        f"{short(selection.costs.params)} parameters, "
        f"{short(selection.costs.memory)} bytes of activations, "
        f"{selection.arch.resolution} pixels\n"
        f"  held-out top-1 {selection.score.accuracy:.2%}, "
        f"test top-1 {test.accuracy:.2%}\n"
        f"  {selection.arch.to_json()}\n"
        f"\nWrote {out}/architecture.json, {out}/model.keras and {served}.\n"
        "Next, fine-tune it, or serve it with TF Serving:\n\n"
        f'    model = keras.saving.load_model("{out}/model.keras")\n'
        f"    tensorflow_model_server --model_name=child "
        f"--model_base_path=$PWD/{out}/served\n"
    )


if __name__ == "__main__":
    scripts.run(main)

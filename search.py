"""Selects a child of a trained supernet for a budget, and exports it.

    python search.py --run=runs/bignas_digits --flops=1e6
    python search.py --run=bignas_digits --params=60e3 --search=evolution
    python search.py --run=runs/mine --latency_table=phone.json --latency_ms=5
    python search.py --run=runs/mine --measure --latency_ms=5
    python search.py --run=runs/mine --flops=2e6 --reference=architecture.json
    python search.py --run=runs/mine --flops=2e6 --reference=predictions.npz

Scores are kept in scores.jsonl: a search that was killed goes on when the same
command is given again, and another search scores nothing a second time.
"""

import dataclasses
import pathlib
import sys

from keras_elastic import startup

# Before the rest, which imports Keras.
startup.begin(sys.argv)

import numpy as np
from absl import flags
from absl import logging

import keras_elastic as ke
from keras_elastic import files
from keras_elastic import scratch
from keras_elastic import scripts
from keras_elastic.commands import search_flags
from keras_elastic.models.preparation import remember
from keras_elastic.selection import Budget
from keras_elastic.selection import FlipReport
from keras_elastic.selection import Front
from keras_elastic.selection import LatencyTable
from keras_elastic.selection import plot_front
from keras_elastic.selection.budget import latency_limits
from keras_elastic.selection.budget import short
from keras_elastic.selection.deployed import Deployed
from keras_elastic.selection.deployed import read_reference
from keras_elastic.zoo import evaluation
from keras_elastic.zoo import places
from keras_elastic.zoo.writing import check_data

SPLITS = {
    "held_out": evaluation.held_out_batches,
    "test": evaluation.test_batches,
}

FLAGS = flags.FLAGS
search_flags.define()


def main(argv):
    if len(argv) > 1:
        raise ValueError(f"Unknown arguments: {argv[1:]}. See --help.")
    logging.set_verbosity(logging.WARNING)
    search_flags.check()
    search_flags.make_search()

    # ---------------------------------------------- supernet and budget
    entry = places.find_supernet_entry(FLAGS.run)
    if FLAGS.more_resolutions:
        entry = entry.with_resolutions(FLAGS.more_resolutions)
    family = entry.family
    budget = Budget(FLAGS.flops, FLAGS.params, FLAGS.memory, FLAGS.resolution)
    budget.check_reachable(family, entry.classes)
    # What the zoo installed is not written to.
    installed = entry.folder.parent == places.zoo_folder()
    home = pathlib.Path("runs", entry.name) if installed else entry.folder
    table = search_flags.table_path(home)
    for folder in (home, FLAGS.out or home):
        files.try_writing(folder)
    if search_flags.is_measuring():
        measure(entry, table)
        if not search_flags.is_searching():
            return
    if FLAGS.latency_ms is not None:
        limits = latency_limits(FLAGS.latency_ms, table, family)
        budget = dataclasses.replace(budget, limits=limits)
        budget.check_reachable(family, entry.classes)
    reference = FLAGS.reference
    if reference is not None:
        reference = read_reference(reference, family)
    recipe = entry.recipe
    supernet = entry.supernet()
    dataset = evaluation.load_dataset(recipe, FLAGS.data_dir)
    evaluation.check_same_classes(entry, dataset)
    check_data(entry.folder, dataset)
    if isinstance(reference, Deployed):
        reference.check(dataset)

    # Two processes would write into the file of scores in turn.
    with scratch.locked(home), ke.data.naming_corrupt_files():
        scorer = evaluation.resume_scorer(supernet, recipe, dataset, home)
        if scorer.scores:
            print(f"{len(scorer.scores)} architectures were scored before.")
        selection = select(family, entry.classes, scorer, budget, reference)
        export(entry, home, scorer, selection, dataset, reference)


def measure(entry, path):
    """Makes a latency table of this machine, or goes on with one."""
    print(f"Timing the blocks of '{entry.family.name}' on this machine")
    table = LatencyTable.measure(
        entry.family,
        entry.classes,
        FLAGS.runtime,
        path=path,
        progress=scripts.make_progress("network"),
    )
    least, most = (
        table.predict(arch)
        for arch in (entry.family.space.smallest, entry.family.space.largest)
    )
    middle = short((least * most) ** 0.5)
    print(
        f"\nWrote {path}: from {short(least)} to {short(most)} ms of an image "
        f"on {FLAGS.runtime}.\n"
        "Next, take a child within a latency:\n\n"
        f"    keras-elastic load {FLAGS.run} --latency_ms={middle} "
        f"--latency_table={path}\n"
    )


def export(entry, home, scorer, selection, dataset, reference):
    """Extracts, calibrates, exports and reports what was selected."""
    recipe, supernet = entry.recipe, scorer.supernet
    statistics = scorer.statistics(selection.arch)
    model = supernet.child(selection.arch, statistics)
    model.class_names = entry.class_names
    remember(model, evaluation.preparation(recipe, entry.family))
    default = home / "children" / f"{selection.costs.flops}_flops"
    out = files.as_path(out=FLAGS.out or default)
    with files.replacing(out / "architecture.json", digest=True) as temporary:
        temporary.write_text(selection.arch.to_json() + "\n")
    with files.replacing(out / "model.keras", digest=True) as temporary:
        model.save(temporary)
    version = ke.export.next_version(out / "served")
    served = ke.export.saved_model(model, out / "served", version)
    pictures = write_front(scorer, selection, out)
    if FLAGS.search == "query_table":
        table, levels = out / "query_table.csv", recipe.table_levels
        evaluation.write_query_table(table, scorer, levels)

    # ------------------------------------------------------------ report
    test = scorer.evaluate(
        selection.arch, statistics, evaluation.test_batches(recipe, dataset)
    )
    score, test_images = scorer(selection.arch), dataset.test.size
    print(
        f"\nSelected: {selection.reason}.\n"
        f"  {short(selection.costs.flops)} flops (multiply-adds), "
        f"{short(selection.costs.params)} parameters, "
        f"{short(selection.costs.memory)} bytes of activations, "
        f"{selection.arch.resolution} pixels\n"
        f"  held-out top-1 {score.accuracy:.2%}, "
        f"test top-1 {evaluation.with_error(test.accuracy, test_images)}\n"
        f"  {selection.arch.to_json()}"
    )
    if reference is not None:
        report_flips(reference, selection, scorer, recipe, dataset, out)
    print(
        f"\nWrote {out}/architecture.json, {out}/model.keras, {pictures} and "
        f"{served}.\n"
        "Next, fine-tune it, or serve it with TF Serving:\n\n"
        f'    model = keras.saving.load_model("{out}/model.keras")\n'
        f"    tensorflow_model_server --model_name=child "
        f"--model_base_path={(out / 'served').resolve()}\n"
    )


def select(family, classes, scorer, budget, reference):
    """Searches, with a progress bar, and returns the selection."""
    search = search_flags.make_search(reference, scorer.labels)
    score = scorer if reference is None else scorer.correct
    progress = scripts.make_progress("candidate")
    [selection] = search.search(family, classes, score, [budget], progress)
    return selection


def write_front(scorer, selection, out):
    """Writes the front of all that was scored; says which files there are."""
    rows = evaluation.scored_rows(scorer)
    front = Front(rows)
    front.write(out / "front.csv")
    chosen = [row for row in rows if row.arch == selection.arch]
    try:
        plot_front(out / "front.png", front, scored=rows, chosen=chosen)
    except ImportError:
        return "front.csv (front.png needs Matplotlib: the extra `plots`)"
    return "front.csv, front.png"


def report_flips(reference, selection, scorer, recipe, dataset, out):
    """Prints and writes the flips between the reference and the child."""
    split = getattr(reference, "reported", "test")
    batches = list(SPLITS[split](recipe, dataset))
    if isinstance(reference, Deployed):
        labels = np.concatenate([labels for _, labels in batches])
        before = reference.correct(split, labels)
    else:
        before = scorer.correct_on(reference, batches)
    after = scorer.correct_on(selection.arch, batches)
    report = FlipReport.measure({"reference": before, "selected": after})
    report.write(out / "flips.csv")
    print(f"\nOn the {split.replace('_', '-')} split:\n{report}")


if __name__ == "__main__":
    scripts.run(main)

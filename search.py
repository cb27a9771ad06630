"""Selects a child of a trained supernet for a budget, and exports it.

    python search.py --run=runs/bignas_digits --flops=1e6
    python search.py --run=bignas_digits --params=60e3 --search=evolution
    python search.py --run=runs/mine --latency_table=phone.json --latency_ms=5
    python search.py --run=runs/mine --flops=2e6 --reference=architecture.json
    python search.py --run=runs/mine --flops=2e6 --reference=predictions.npz

Scores are kept in scores.jsonl: a search that was killed goes on when the same
command is given again, and another search scores nothing a second time.
"""

import os
import pathlib

# Before TensorFlow is imported: its notes on this machine's processor and
# drivers would bury the progress bar.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from absl import flags
from absl import logging

import keras_elastic as ke
from keras_elastic import files
from keras_elastic import scratch
from keras_elastic import scripts
from keras_elastic.models.preparation import remember
from keras_elastic.selection import Budget
from keras_elastic.selection import CoarseToFineSearch
from keras_elastic.selection import EvolutionSearch
from keras_elastic.selection import FlipReport
from keras_elastic.selection import Front
from keras_elastic.selection import LatencyTable
from keras_elastic.selection import Limit
from keras_elastic.selection import NSGA2Search
from keras_elastic.selection import PredictorSearch
from keras_elastic.selection import QueryTableSearch
from keras_elastic.selection import RandomSearch
from keras_elastic.selection import RegressionFreeSearch
from keras_elastic.selection import SlimmingSearch
from keras_elastic.selection import plot_front
from keras_elastic.selection.budget import short
from keras_elastic.selection.deployed import Deployed
from keras_elastic.selection.deployed import read_reference
from keras_elastic.selection.searches.regression_free import REWARDS
from keras_elastic.spaces.architecture import FIELDS
from keras_elastic.zoo import evaluation
from keras_elastic.zoo import places
from keras_elastic.zoo.writing import check_data

SPLITS = {
    "held_out": evaluation.held_out_batches,
    "test": evaluation.test_batches,
}

FLAGS = flags.FLAGS
flags.DEFINE_string("run", None, "Folder of a run, or a zoo entry's name.")
flags.mark_flag_as_required("run")
flags.DEFINE_float("flops", None, "Most multiply-adds of one image.")
flags.DEFINE_float("params", None, "Most trainable weights.")
flags.DEFINE_float("memory", None, "Most bytes of activations of one image.")
flags.DEFINE_integer(
    "resolution", None, "The input resolution in pixels.", lower_bound=1
)
flags.DEFINE_string(
    "latency_table", None, "File that `LatencyTable.save` wrote, on any device."
)
flags.DEFINE_float("latency_ms", None, "Most milliseconds, by that table.")
flags.DEFINE_string("data_dir", None, "Folder of data sets in TFDS form.")
flags.DEFINE_enum(
    "search",
    "coarse_to_fine",
    [
        "coarse_to_fine",
        "evolution",
        "nsga2",
        "query_table",
        "random",
        "slimming",
    ],
    "How to search.",
)
flags.DEFINE_integer(
    "candidates",
    200,
    "Architectures to score: evolution, nsga2, random.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "mutants",
    32,
    "Candidates of coarse_to_fine's fine part.",
    lower_bound=0,
)
flags.DEFINE_integer(
    "predictor_samples",
    0,
    "Score this many random architectures, fit a predictor to them, search by "
    "it, and score the 10 best of that. 0 for no predictor.",
    lower_bound=0,
)
flags.DEFINE_integer("seed", 0, "Seed of the search.", lower_bound=0)
flags.DEFINE_string(
    "reference",
    None,
    "What users have now: the file of an architecture, or an .npz file of the "
    "predictions of any model (held_out, and test for the report). Prefer "
    "children that get wrong few images that it gets right (REG-NAS).",
)
flags.DEFINE_enum(
    "reward",
    "R2",
    REWARDS,
    "What a child is worth: top-1 (R0), few negative flips (R1) or both (R2).",
)
for name, text in (("lambda1", "top-1"), ("nfr_weight", "negative flips")):
    flags.DEFINE_float(
        name, 1.0, f"Weight of {text} in R2.", lower_bound=0, upper_bound=1e6
    )
flags.DEFINE_boolean(
    "unconstrained",
    False,
    "Search all children, not only those that contain the architecture.",
)
flags.DEFINE_multi_integer(
    "more_resolutions",
    [],
    "Resolutions to search, too, that were not trained: 208, 240, ...",
    lower_bound=1,
)
flags.DEFINE_string("out", None, "Folder of the child. [<run>/children/...]")


def main(argv):
    if len(argv) > 1:
        raise ValueError(f"Unknown arguments: {argv[1:]}. See --help.")
    logging.set_verbosity(logging.WARNING)
    check_flags()
    make_search()

    # ---------------------------------------------- supernet and budget
    entry = places.find_supernet_entry(FLAGS.run)
    if FLAGS.more_resolutions:
        entry = entry.with_resolutions(FLAGS.more_resolutions)
    family = entry.family
    budget = make_budget(family)
    budget.check_reachable(family, entry.classes)
    reference = FLAGS.reference
    if reference is not None:
        reference = read_reference(reference, family)
    recipe = entry.recipe
    supernet = entry.supernet()
    # What the zoo installed is not written to.
    installed = entry.folder.parent == places.zoo_folder()
    home = pathlib.Path("runs", entry.name) if installed else entry.folder
    for folder in (home, FLAGS.out or home):
        files.try_writing(folder)
    dataset = ke.data.load_dataset(
        recipe.dataset, FLAGS.data_dir, limit=recipe.limit
    )
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
    score = scorer(selection.arch)
    print(
        f"\nSelected: {selection.reason}.\n"
        f"  {short(selection.costs.flops)} flops (multiply-adds), "
        f"{short(selection.costs.params)} parameters, "
        f"{short(selection.costs.memory)} bytes of activations, "
        f"{selection.arch.resolution} pixels\n"
        f"  held-out top-1 {score.accuracy:.2%}, "
        f"test top-1 {test.accuracy:.2%}\n"
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


def check_flags():
    """Raises a `ValueError` for flags that do not go together."""
    if not FLAGS.run:
        raise ValueError("--run must be a run or a name of the zoo.")
    scripts.check_finite("flops", "params", "memory", "latency_ms")
    weights = ("lambda1", "nfr_weight")
    scripts.check_finite(*weights)
    scripts.check_of_no_use(
        FLAGS.reference is None,
        ("reward", *weights, "unconstrained"),
        "--reference",
    )
    scripts.check_of_no_use(FLAGS.reward != "R2", weights, "--reward=R2")
    if (FLAGS.latency_table is None) != (FLAGS.latency_ms is None):
        raise ValueError(
            "--latency_table and --latency_ms must be given together. "
            f"Received: {FLAGS.latency_table!r} and {FLAGS.latency_ms!r}."
        )
    if FLAGS.reference is not None and FLAGS.predictor_samples:
        raise ValueError(
            "--predictor_samples must be 0 with --reference: a predictor of "
            "accuracies does not say which images a child gets right. "
            f"Received: --predictor_samples={FLAGS.predictor_samples} and "
            f"--reference={FLAGS.reference}. Leave one of them out."
        )


def make_budget(family):
    """Returns the budget of the flags."""
    limits = ()
    if FLAGS.latency_table is not None:
        table = LatencyTable.load(FLAGS.latency_table, family)
        limits = (Limit("latency in ms", table, FLAGS.latency_ms),)
    return Budget(
        FLAGS.flops, FLAGS.params, FLAGS.memory, FLAGS.resolution, limits
    )


def make_search(reference=None, labels=None):
    """Returns the search of the flags, which checks them.

    Args:
        reference: `Architecture` or `Deployed` of --reference, or `None`.
        labels: Labels of the held-out images, for `Deployed`.
    """
    # Populations of a fifth, for five generations in all.
    part = max(4, FLAGS.candidates // 5)
    made = {
        "coarse_to_fine": lambda: CoarseToFineSearch(
            FLAGS.mutants, seed=FLAGS.seed
        ),
        "evolution": lambda: EvolutionSearch(part, 4, seed=FLAGS.seed),
        "nsga2": lambda: NSGA2Search(part, 5, seed=FLAGS.seed),
        "query_table": QueryTableSearch,
        "random": lambda: RandomSearch(FLAGS.candidates, seed=FLAGS.seed),
        "slimming": lambda: SlimmingSearch(FIELDS),
    }
    search = made[FLAGS.search]()
    if FLAGS.reference is not None:
        deployed = None
        if isinstance(reference, Deployed):
            deployed = reference.correct("held_out", labels)
        return RegressionFreeSearch(
            reference if deployed is None else None,
            FLAGS.reward,
            lambda1=FLAGS.lambda1,
            lambda2=FLAGS.nfr_weight,
            constrained=not FLAGS.unconstrained,
            inner=search,
            deployed=deployed,
        )
    if FLAGS.predictor_samples:
        return PredictorSearch(
            FLAGS.predictor_samples, inner=search, seed=FLAGS.seed
        )
    return search


def select(family, classes, scorer, budget, reference):
    """Searches, with a progress bar, and returns the selection."""
    search = make_search(reference, scorer.labels)
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

"""The flags of `search.py`, which go together, and the search they name."""

from absl import flags

from keras_elastic import scripts
from keras_elastic.selection.searches.regression_free import REWARDS

FLAGS = flags.FLAGS
# They belong to the script that defines them.
flags.disclaim_key_flags()

_SEARCHES = (
    *("coarse_to_fine", "evolution", "nsga2", "query_table", "random"),
    "slimming",
)
# What `--measure` is without a file.
_MEASURE = "true"


def define() -> None:
    """Defines the flags."""
    flags.DEFINE_string("run", None, "Folder of a run, or a zoo entry's name.")
    flags.mark_flag_as_required("run")
    flags.DEFINE_float("flops", None, "Most multiply-adds of one image.")
    flags.DEFINE_float("params", None, "Most trainable weights.")
    flags.DEFINE_float(
        "memory", None, "Most bytes of activations of one image."
    )
    flags.DEFINE_integer(
        "resolution", None, "The input resolution in pixels.", lower_bound=1
    )
    flags.DEFINE_string("data_dir", None, "Folder of data sets in TFDS form.")
    flags.DEFINE_string(
        "out", None, "Folder of the child. [<run>/children/...]"
    )
    _define_latency()
    _define_search()
    _define_reference()


def _define_latency():
    flags.DEFINE_float("latency_ms", None, "Most milliseconds, by a table.")
    flags.DEFINE_string(
        "latency_table",
        None,
        "File that `LatencyTable.save` or --measure wrote, on any device.",
    )
    flags.DEFINE_flag(
        flags.Flag(
            flags.ArgumentParser(),
            None,
            "measure",
            None,
            "Make such a table of this machine, --measure or --measure=FILE. "
            "Without a budget nothing is searched. [<run>/latency.json]",
            # Of which absl takes a value, and takes none.
            boolean=True,
        )
    )
    flags.DEFINE_enum(
        "runtime",
        "tensorflow",
        ["tensorflow", "litert"],
        "What --measure runs networks by.",
    )


def _define_search():
    flags.DEFINE_enum(
        "search", "coarse_to_fine", list(_SEARCHES), "How to search."
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
        "Score this many random architectures, fit a predictor to them, "
        "search by it, and score the 10 best of that. 0 for no predictor.",
        lower_bound=0,
    )
    flags.DEFINE_integer("seed", 0, "Seed of the search.", lower_bound=0)


def _define_reference():
    flags.DEFINE_string(
        "reference",
        None,
        "What users have now: the file of an architecture, or an .npz file of "
        "the predictions of any model (held_out, and test for the report). "
        "Prefer children that get wrong few images that it gets right "
        "(REG-NAS).",
    )
    flags.DEFINE_enum(
        "reward",
        "R2",
        list(REWARDS),
        "What a child is worth: top-1 (R0), few negative flips (R1) or both "
        "(R2).",
    )
    for name, text in (("lambda1", "top-1"), ("nfr_weight", "negative flips")):
        flags.DEFINE_float(
            name,
            1.0,
            f"Weight of {text} in R2.",
            lower_bound=0,
            upper_bound=1e6,
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


def check() -> None:
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
    _check_latency()
    if FLAGS.reference is not None and FLAGS.predictor_samples:
        raise ValueError(
            "--predictor_samples must be 0 with --reference: a predictor of "
            "accuracies does not say which images a child gets right. "
            f"Received: --predictor_samples={FLAGS.predictor_samples} and "
            f"--reference={FLAGS.reference}. Leave one of them out."
        )


def _check_latency():
    scripts.check_of_no_use(not is_measuring(), ("runtime",), "--measure")
    if is_measuring() and FLAGS.latency_table is not None:
        raise ValueError(
            "--measure makes a --latency_table. Received: both --measure and "
            f"--latency_table={FLAGS.latency_table}. Leave one of them out."
        )
    has_table = is_measuring() or FLAGS.latency_table is not None
    if FLAGS.latency_ms is not None and not has_table:
        raise ValueError(
            "--latency_ms is by a table, and needs --latency_table=FILE or "
            f"--measure. Received: --latency_ms={FLAGS.latency_ms} alone. "
            "Give one of the two."
        )
    if FLAGS.latency_table is not None and FLAGS.latency_ms is None:
        raise ValueError(
            "--latency_table and --latency_ms must be given together. "
            f"Received: --latency_table={FLAGS.latency_table} alone. Give "
            "--latency_ms, too."
        )


def is_measuring() -> bool:
    """Whether a table of this machine is to be made."""
    return FLAGS.measure not in (None, "false")


def is_searching() -> bool:
    """Whether there is something to search: not where a table is all."""
    bounds = ("flops", "params", "memory", "resolution", "latency_ms")
    return not is_measuring() or any(FLAGS[b].value is not None for b in bounds)


def table_path(home):
    """Path of the table, which `--measure` makes, or `None` for no table.

    Args:
        home: `pathlib.Path`, the folder of the run.
    """
    if FLAGS.measure == _MEASURE:
        return home / "latency.json"
    return FLAGS.measure if is_measuring() else FLAGS.latency_table


def make_search(reference=None, labels=None):
    """Returns the search of the flags, which checks them.

    Args:
        reference: `Architecture` or `Deployed` of --reference, or `None`.
        labels: Labels of the held-out images, for `Deployed`.
    """
    from keras_elastic import selection
    from keras_elastic.selection.deployed import Deployed
    from keras_elastic.spaces.architecture import FIELDS

    # Populations of a fifth, for five generations in all.
    part = max(4, FLAGS.candidates // 5)
    seed = FLAGS.seed
    made = {
        "coarse_to_fine": lambda: selection.CoarseToFineSearch(
            FLAGS.mutants, seed=seed
        ),
        "evolution": lambda: selection.EvolutionSearch(part, 4, seed=seed),
        "nsga2": lambda: selection.NSGA2Search(part, 5, seed=seed),
        "query_table": selection.QueryTableSearch,
        "random": lambda: selection.RandomSearch(FLAGS.candidates, seed=seed),
        "slimming": lambda: selection.SlimmingSearch(FIELDS),
    }
    search = made[FLAGS.search]()
    if FLAGS.reference is not None:
        deployed = None
        if isinstance(reference, Deployed):
            deployed = reference.correct("held_out", labels)
        return selection.RegressionFreeSearch(
            reference if deployed is None else None,
            FLAGS.reward,
            lambda1=FLAGS.lambda1,
            lambda2=FLAGS.nfr_weight,
            constrained=not FLAGS.unconstrained,
            inner=search,
            deployed=deployed,
        )
    if FLAGS.predictor_samples:
        return selection.PredictorSearch(
            FLAGS.predictor_samples, inner=search, seed=seed
        )
    return search

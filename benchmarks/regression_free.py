"""Negative flips by reward and by sampling, at equal multiply-adds (REG-NAS).

For each seed a reference is the most accurate child for few multiply-adds. A
target for more of them is searched by each reward (R0, R1, and R2 with several
weights of the flips), among all children and among those that contain the
reference. All targets have as many multiply-adds, to a band of a few percent,
and as many candidates are scored for each. Held-out images select, and the test
split reports. Last comes a family of four models, each searched with regard to
those before it.

    python benchmarks/regression_free.py --run=bignas_cifar10 --data_dir=DIR \\
        --reference_flops=5e6 --flops=15e6
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection import RegressionFreeSearch
from keras_elastic.selection import negative_flip_rate
from keras_elastic.selection.budget import short
from keras_elastic.selection.searches.candidates import Search
from keras_elastic.selection.searches.random_search import MAX_SAMPLES
from keras_elastic.selection.searches.random_search import draw_again
from keras_elastic.zoo import evaluation

WEIGHTS = (0.05, 0.2, 1.0, 5.0, 20.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True)
    parser.add_argument("--data_dir")
    parser.add_argument("--reference_flops", type=float, required=True)
    parser.add_argument("--flops", type=float, required=True)
    parser.add_argument("--band", type=float, default=0.05)
    parser.add_argument("--candidates", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--weights",
        nargs="+",
        type=float,
        default=WEIGHTS,
        help="of the flips in R2, over those of other changes",
    )
    parser.add_argument(
        "--pairs", action="store_true", help="without the families of four"
    )
    parser.add_argument("--cache", help="File of the scores of held-out images")
    arguments = parser.parse_args()
    entry = zoo.find_entry(arguments.run)
    recipe = entry.recipe
    dataset = evaluation.load_dataset(recipe, arguments.data_dir)
    scorer = evaluation.make_scorer(
        entry.supernet(), recipe, dataset, cache=arguments.cache
    )
    tested = Tested(scorer, evaluation.test_batches(recipe, dataset))
    print(
        f"{len(scorer.labels)} held-out images select, "
        f"{dataset.test.size} of the test split report."
    )
    compare_rewards(entry, scorer, tested, arguments)
    if not arguments.pairs:
        compare_families(entry, scorer, tested, arguments)


class Tested:
    """Which images of the test split each architecture gets right."""

    def __init__(self, scorer, batches):
        self.scorer = scorer
        self.batches = list(batches)
        self.known = {}

    def __call__(self, arch):
        if arch not in self.known:
            self.known[arch] = self.scorer.correct_on(arch, self.batches)
        return self.known[arch]


class BandSearch(Search):
    """The best of random architectures that nearly spend their budget.

    So the targets of all rewards have as many multiply-adds, and of as many
    candidates each is the best.
    """

    def __init__(self, candidates, band, seed):
        self.candidates = candidates
        self.band = band
        self.seed = seed

    def _run(self, candidates, budgets):
        rng = np.random.default_rng(self.seed)
        candidates.expect(self.candidates * len(budgets))
        for budget in budgets:
            least = (1 - self.band) * budget.flops

            def propose(count, least=least):
                rows = candidates.genes.sample(rng, count)
                return rows[candidates.costs(rows).flops >= least]

            found = draw_again(
                candidates, budget, self.candidates, propose, MAX_SAMPLES
            )
            if len(found) < self.candidates:
                raise ValueError(
                    f"`band` must leave {self.candidates} candidates. "
                    f"Received: {self.band}, which leaves {len(found)}. "
                    "Widen it, or pass fewer candidates."
                )
            candidates.add(found)


def make_inner(arguments, seed):
    """The search of each model: as many candidates for every reward."""
    return BandSearch(arguments.candidates, arguments.band, seed)


def compare_rewards(entry, scorer, tested, arguments):
    """Prints a row for each reward and sampling, means over the seeds."""
    kinds = {"R0": {"kind": "R0"}, "R1": {"kind": "R1"}}
    kinds |= {f"R2, {w:g}": {"lambda2": w} for w in arguments.weights}
    rows = {}
    for seed in range(arguments.seeds):
        inner = make_inner(arguments, seed)
        [small] = inner.search(
            entry.family,
            entry.classes,
            scorer,
            [Budget(flops=arguments.reference_flops)],
        )
        for name, changes in kinds.items():
            for constrained in (False, True):
                [found] = RegressionFreeSearch(
                    small.arch, constrained=constrained, inner=inner, **changes
                ).search(
                    entry.family,
                    entry.classes,
                    scorer.correct,
                    [Budget(flops=arguments.flops)],
                )
                before, after = tested(small.arch), tested(found.arch)
                flips = negative_flip_rate(before, after)
                values = (found.costs.flops, after.mean(), flips)
                rows.setdefault((name, constrained), []).append(values)
                kept = "constrained" if constrained else "all"
                print(f"seed {seed}, {name}, {kept}: {flips:.2%}", flush=True)
    print_rewards(rows)


def print_rewards(rows):
    """Prints the means; changes are relative to R0 among all children."""
    means = {key: np.mean(values, axis=0) for key, values in rows.items()}
    _, _, plain = means["R0", False]
    head = ("reward", "sampling", "flops", "top-1", "flips", "range", "change")
    print("\n" + "".join(f"{title:>13}" for title in head))
    for (name, constrained), (flops, top1, flips) in means.items():
        spread = [row[2] for row in rows[name, constrained]]
        cells = (
            name,
            "constrained" if constrained else "all",
            short(flops),
            f"{top1:.2%}",
            f"{flips:.2%}",
            f"{min(spread):.2%}-{max(spread):.2%}"[-13:],
            f"{flips / plain - 1:+.1%}" if plain else "",
        )
        print("".join(f"{cell:>13}" for cell in cells))


def compare_families(entry, scorer, tested, arguments):
    """Prints mean flips between four models, by R0 and by R2 constrained."""
    low, high = arguments.reference_flops, arguments.flops
    budgets = [
        Budget(flops=float(flops)) for flops in np.linspace(low, high, 4)
    ]
    print("\nA family of four, means over the pairs of smaller and larger:")
    for name, changes in (
        ("R0, all", {"kind": "R0", "constrained": False}),
        ("R2, constrained", {}),
    ):
        found = []
        for seed in range(arguments.seeds):
            search = RegressionFreeSearch(
                inner=make_inner(arguments, seed), **changes
            )
            selections = search.search(
                entry.family, entry.classes, scorer.correct, budgets
            )
            report = search.report(tested, selections)
            flips = [report.negative[i][j] for j in range(4) for i in range(j)]
            found.append((np.mean(flips), np.mean(report.top1)))
        flips, top1 = np.mean(found, axis=0)
        print(f"{name:<18} flips {flips:.2%}, top-1 {top1:.2%}")


if __name__ == "__main__":
    main()

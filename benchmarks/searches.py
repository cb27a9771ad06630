"""Searches against random search, on a trained supernet.

Each scores as many candidates as random search, for each of three
budgets, with three seeds; scores are accuracies on held-out images.

    python train.py --dataset=cifar10 --data_dir=DIR --patch_size=32 ...
    python benchmarks/searches.py --run=RUN --data_dir=DIR
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection import CoarseToFineSearch
from keras_elastic.selection import EvolutionSearch
from keras_elastic.selection import NSGA2Search
from keras_elastic.selection import PredictorSearch
from keras_elastic.selection import RandomSearch
from keras_elastic.zoo import evaluation


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True)
    parser.add_argument("--data_dir")
    parser.add_argument("--candidates", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    entry = zoo.find_entry(arguments.run)
    recipe = entry.recipe
    dataset = evaluation.load_dataset(recipe, arguments.data_dir)
    scorer = evaluation.make_scorer(
        entry.supernet(),
        recipe,
        dataset,
        cache=pathlib.Path(arguments.run) / "scores.jsonl",
    )
    budgets = [Budget(flops=flops) for flops in recipe.budgets]
    compare_searches(entry, scorer, budgets, arguments)


def make_searches(candidates, seed):
    """Searches that score at most so many candidates for a budget."""
    part = candidates // 5
    return {
        "random": RandomSearch(candidates, seed=seed),
        "evolution": EvolutionSearch(part, 4, seed=seed),
        "NSGA-II": NSGA2Search(part, 5, seed=seed),
        "predictor": PredictorSearch(
            candidates - 10,
            inner=EvolutionSearch(generations=20, seed=seed),
            seed=seed,
        ),
    }


def compare_searches(entry, scorer, budgets, arguments):
    """Prints held-out accuracies, the mean over the seeds."""
    found = {}
    for seed in range(arguments.seeds):
        for budget in budgets:
            made = make_searches(arguments.candidates, seed)
            made["coarse to fine"] = fit_coarse_to_fine(
                entry, budget, arguments.candidates, seed
            )
            for name, search in made.items():
                asked = Counting(scorer)
                [selection] = search.search(
                    entry.family, entry.classes, asked, [budget]
                )
                key = (name, str(budget))
                score = scorer(selection.arch).accuracy
                found.setdefault(key, []).append((score, len(asked.archs)))
                print(f"seed {seed}, {budget}, {name}: {score:.2%}", flush=True)
    print(
        f"\nheld-out top-1, mean of {arguments.seeds} seeds "
        "(candidates scored):"
    )
    names = dict.fromkeys(name for name, _ in found)
    print(f"{'':<16}" + "".join(f"{str(b):>24}" for b in budgets))
    for name in names:
        cells = (np.mean(found[name, str(b)], axis=0) for b in budgets)
        row = "".join(f"{f'{a:.2%} ({c:.0f})':>24}" for a, c in cells)
        print(f"{name:<16}{row}")


def fit_coarse_to_fine(entry, budget, candidates, seed):
    """Coarse-to-fine whose skeletons and mutants are so many together."""
    asked = Counting(lambda arch: 0.0)
    CoarseToFineSearch(mutants=0).search(
        entry.family, entry.classes, asked, [budget]
    )
    return CoarseToFineSearch(max(1, candidates - len(asked.archs)), seed=seed)


class Counting:
    """A score that remembers what it was asked."""

    def __init__(self, score):
        self.score = score
        self.archs = set()

    def __call__(self, arch):
        self.archs.add(arch)
        return self.score(arch)


if __name__ == "__main__":
    main()

"""What the bases of a BasisNet bring, on a part of CIFAR-10.

Trains the recipe `basisnet_cifar10` with one base and with eight, without
basis dropout and without preheat, with several seeds, and prints a table of
test accuracies, and the early exit of the first variant with eight bases.
Thresholds are chosen on held-out images. Trainings that are done are not
repeated, and one that was killed goes on.

    python benchmarks/basisnet_cifar10.py --data_dir=DIR --run=RUN
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

import keras_elastic as ke
from keras_elastic.conditional.basisnet import run as basisnet_run
from keras_elastic.selection.budget import short
from keras_elastic.training import Run
from keras_elastic.training.training_recipe import TrainingRecipe
from keras_elastic.zoo import places
from keras_elastic.zoo.writing import remember_recipe

VARIANTS = {
    "one base": {"num_bases": 1, "basis_dropout": 0.0},
    "eight bases": {},
    "no basis dropout": {"basis_dropout": 0.0},
    "no preheat": {"preheat_epochs": 0.0, "preheat_decay_epochs": 0.0},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir")
    parser.add_argument("--run", default="runs/basisnet_cifar10_bases")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    arguments = parser.parse_args()
    recipe = TrainingRecipe.from_file(places.recipe_file("basisnet_cifar10"))
    if arguments.epochs:
        recipe = recipe.replace(epochs=arguments.epochs)
    dataset = ke.data.load_dataset(
        recipe.dataset, arguments.data_dir, limit=recipe.limit
    )
    found = {}
    for seed in range(arguments.seeds):
        for name, changes in VARIANTS.items():
            folder = pathlib.Path(arguments.run) / f"{name}, seed {seed}"
            print(folder, flush=True)
            found.setdefault(name, []).append(
                measure(recipe.replace(seed=seed, **changes), dataset, folder)
            )
    print_accuracies(found)
    print_exits(found["eight bases"])


def measure(recipe, dataset, folder):
    """Trains a variant; returns its parameters and its `ExitResult`s."""
    remember_recipe(folder, recipe)
    run = Run(dataset=dataset, folder=folder)
    model = recipe.make_training(run).train_model()
    *_, results = basisnet_run.measure_results(model, recipe, dataset)
    return model.costs, results


def print_accuracies(found):
    """Prints test accuracies, the mean and the range over the seeds."""
    print(
        f"\n{'':<20}{'flops':>10}{'params':>10}{'specialist':>24}{'light':>24}"
    )
    for name, runs in found.items():
        costs = runs[0][0]
        cells = [
            spread([results[place].test_top1 for _, results in runs])
            for place in (0, -1)
        ]
        print(
            f"{name:<20}{short(costs.flops):>10}{short(costs.params):>10}"
            + "".join(f"{cell:>24}" for cell in cells)
        )


def print_exits(runs):
    """Prints what early exits do, means over the seeds."""
    print(f"\n{'exit':<28}{'flops':>10}{'exits':>10}{'test top-1':>24}")
    for rows in zip(*(results for _, results in runs), strict=True):
        flops, exits = (
            np.mean([getattr(row, field) for row in rows])
            for field in ("flops", "exits")
        )
        cell = spread([row.test_top1 for row in rows])
        print(f"{rows[0].exit:<28}{short(flops):>10}{exits:>10.1%}{cell:>24}")


def spread(values):
    """The mean of some accuracies and their range."""
    return f"{np.mean(values):.2%} ({min(values):.2%}-{max(values):.2%})"


if __name__ == "__main__":
    main()

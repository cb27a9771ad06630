"""What the bases of a BasisNet bring, on CIFAR-10.

Trains the recipe `basisnet_cifar10` with one base and with eight, with basis
dropout, with bases that begin far apart, and with coefficients that are a
softmax in place of sigmoids, with several seeds, and prints a table of test
accuracies, and one of the early exits of each. All begin with the same two
trained networks, and take the same steps. Thresholds are chosen on held-out
images. Trainings that are done are not repeated, and one that was killed goes
on.

    python benchmarks/basisnet_cifar10.py --data_dir=DIR
    python benchmarks/basisnet_cifar10.py --data_dir=DIR --bases 2 4 16
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from tables import spread

import keras_elastic as ke
from keras_elastic.conditional.basisnet import run as basisnet_run
from keras_elastic.selection.budget import short
from keras_elastic.training import Run
from keras_elastic.training.training_recipe import TrainingRecipe
from keras_elastic.zoo import evaluation
from keras_elastic.zoo import places
from keras_elastic.zoo.writing import remember_recipe

VARIANTS = {
    # Whose coefficient is one.
    "one base": {"num_bases": 1, "activation": "softmax"},
    "eight bases (the recipe)": {},
    "softmax coefficients": {"activation": "softmax"},
    "basis dropout 1/8": {"basis_dropout": 1 / 8},
    "noise 1.0": {"noise": 1.0},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir")
    parser.add_argument("--run", default="runs/basisnet_cifar10_bases")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument(
        "--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS)
    )
    parser.add_argument(
        "--bases", nargs="*", type=int, default=[], help="other numbers of them"
    )
    arguments = parser.parse_args()
    recipe = TrainingRecipe.from_file(places.recipe_file("basisnet_cifar10"))
    if arguments.epochs:
        recipe = recipe.replace(epochs=arguments.epochs)
    dataset = evaluation.load_dataset(recipe, arguments.data_dir)
    variants = {name: VARIANTS[name] for name in arguments.variants}
    variants |= {f"{n} bases": {"num_bases": n} for n in arguments.bases}
    found = {}
    for seed in range(arguments.seeds):
        for name, changes in variants.items():
            folder = pathlib.Path(arguments.run) / f"{name}, seed {seed}"
            print(folder, flush=True)
            found.setdefault(name, []).append(
                measure(recipe.replace(seed=seed, **changes), dataset, folder)
            )
    print_accuracies(found)
    for name, runs in found.items():
        print_exits(name, [results for _, results in runs])


def measure(recipe, dataset, folder):
    """Trains a variant; returns its parameters and its `ExitResult`s."""
    remember_recipe(folder, recipe)
    run = Run(dataset=dataset, folder=folder, load_teacher=ke.zoo.load_teacher)
    model = recipe.make_training(run).train_model()
    *_, results = basisnet_run.measure_results(model, recipe, dataset)
    return model.costs, results


def print_accuracies(found):
    """Prints test accuracies, the mean and the range over the seeds."""
    print(
        f"\n{'':<26}{'flops':>10}{'params':>10}{'specialist':>26}{'light':>26}"
    )
    for name, runs in found.items():
        costs = runs[0][0]
        cells = [
            spread([results[place].test_top1 for _, results in runs])
            for place in (0, -1)
        ]
        print(
            f"{name:<26}{short(costs.flops):>10}{short(costs.params):>10}"
            + "".join(f"{cell:>26}" for cell in cells)
        )


def print_exits(name, runs):
    """Prints what early exits of a variant do, means over the seeds."""
    print(f"\n{name:<28}{'flops':>10}{'exits':>10}{'test top-1':>26}")
    for rows in zip(*runs, strict=True):
        flops, exits = (
            np.mean([getattr(row, field) for row in rows])
            for field in ("flops", "exits")
        )
        cell = spread([row.test_top1 for row in rows])
        print(f"{rows[0].exit:<28}{short(flops):>10}{exits:>10.1%}{cell:>26}")


if __name__ == "__main__":
    main()

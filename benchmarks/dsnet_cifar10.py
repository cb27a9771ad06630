"""What the gate of a DS-Net brings, on a part of CIFAR-10.

Trains the recipe `ds_mobilenet_cifar10` with several seeds, and compares the
gate with its own supernet at equal average multiply-adds: between two widths
the supernet's accuracy is that of sending a part of the images, at random, to
each of them. Trainings that are done are not repeated.

    python benchmarks/dsnet_cifar10.py --data_dir=DIR --run=RUN
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

import keras_elastic as ke
from keras_elastic.selection.budget import short
from keras_elastic.training import Run
from keras_elastic.training.training_recipe import TrainingRecipe
from keras_elastic.zoo import places
from keras_elastic.zoo.writing import remember_recipe


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir")
    parser.add_argument("--run", default="runs/dsnet_cifar10_gates")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--gate_epochs", type=int)
    parser.add_argument("--windows", default="all")
    arguments = parser.parse_args()
    recipe = TrainingRecipe.from_file(
        places.recipe_file("ds_mobilenet_cifar10")
    )
    changes = {"windows": tuple(arguments.windows.split(","))}
    for name in ("epochs", "gate_epochs"):
        if getattr(arguments, name):
            changes[name] = getattr(arguments, name)
    recipe = recipe.replace(**changes)
    dataset = ke.data.load_dataset(
        recipe.dataset, arguments.data_dir, limit=recipe.limit
    )
    runs = [
        measure(
            recipe.replace(seed=seed),
            dataset,
            pathlib.Path(arguments.run) / f"seed {seed}",
        )
        for seed in range(arguments.seeds)
    ]
    print_table(runs)


def measure(recipe, dataset, folder):
    """Trains the supernet and the gates; returns their `DSNetResult`s."""
    print(folder, flush=True)
    remember_recipe(folder, recipe)
    run = Run(dataset=dataset, folder=folder)
    return recipe.make_training(run).train().rows


def print_table(runs):
    """Prints means over the seeds, and the widths' accuracy at equal cost."""
    print(f"\n{'':<16}{'flops':>10}{'test top-1':>26}{'at that cost':>22}")
    for rows in zip(*runs, strict=True):
        top1 = [row.test_top1 for row in rows]
        equal = [
            at_equal_cost(row, run) for row, run in zip(rows, runs, strict=True)
        ]
        flops = np.mean([row.flops for row in rows])
        spread = f"{np.mean(top1):.2%} ({min(top1):.2%}-{max(top1):.2%})"
        is_gate = rows[0].network.startswith("DS-Net")
        cell = f"{np.mean(equal):.2%}" if is_gate else ""
        print(f"{rows[0].network:<16}{short(flops):>10}{spread:>26}{cell:>22}")


def at_equal_cost(row, run):
    """Accuracy of the widths of a run at the average cost of a row."""
    widths = [other for other in run if other.network.startswith("width")]
    return np.interp(
        row.flops,
        [width.flops for width in widths],
        [width.test_top1 for width in widths],
    )


if __name__ == "__main__":
    main()

"""What fine-tuning children of a supernet gives, at three constant rates.

For each budget of an entry's recipe, top-1 on the test split of the child as it
is, and after fine-tuning with the learning rates 0.01, 0.001 and 0.0001, which
do not change, for 25 epochs each: Table 2 of BigNAS (Yu et al., ECCV 2020),
where it helps no child. All weights are trained, on the recipe's data with its
augmentation, on the labels alone.

Trainings that are done are not repeated, and one that was killed goes on.

    python benchmarks/finetuned_children.py --entry=bignas_cifar10 \\
        --data_dir=DIR
"""

import argparse
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tables import spread
from twins import measure

from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection.budget import short
from keras_elastic.zoo import evaluation

RATES = (0.01, 0.001, 0.0001)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", default="bignas_cifar10")
    parser.add_argument("--data_dir")
    parser.add_argument("--out", help="folder [runs/<entry>_finetuned]")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--rates", nargs="+", type=float, default=RATES)
    parser.add_argument(
        "--budgets", nargs="+", type=float, help="[the recipe's]"
    )
    arguments = parser.parse_args()
    entry = zoo.find_entry(arguments.entry)
    recipe = entry.recipe
    dataset = evaluation.load_dataset(recipe, arguments.data_dir)
    evaluation.check_same_classes(entry, dataset)
    out = pathlib.Path(arguments.out or f"runs/{entry.name}_finetuned")
    head = ["flops", "child", *(f"at {rate:g}" for rate in arguments.rates)]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for flops in arguments.budgets or recipe.budgets:
        row = entry.front.best(Budget(flops=flops), entry.name)
        cells = [short(row.flops), f"{row.test_top1:.2%}"]
        for rate in arguments.rates:
            tuned = finetuning(recipe, arguments.entry, rate, arguments.epochs)
            found = [
                measure(
                    tuned,
                    row.arch,
                    dataset,
                    out / f"{short(flops)} at {rate:g}, seed {seed}",
                    seed,
                )
                for seed in range(arguments.seeds)
            ]
            cells.append(spread(found))
        print(f"| {' | '.join(cells)} |", flush=True)


def finetuning(recipe, entry, rate, epochs):
    """The recipe that fine-tunes a subnet of an entry at a constant rate."""
    return recipe.replace(
        initial=entry,
        phases=(),
        epochs=epochs,
        learning_rate=rate,
        schedule="exponential",
        decay_rate=1.0,
        warmup_epochs=0.0,
        objective="supervised",
        teacher=None,
        sort_channels=False,
    )


if __name__ == "__main__":
    main()

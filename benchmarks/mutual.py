"""MutualNet against US-Net: what learning the resolution too is worth.

Trains the same family by three rules from the same seeds: US-Net, all widths
at the largest resolution; MutualNet, all widths at all resolutions; and the
largest network alone. Each width at each resolution is scored on held-out
images, with statistics measured for it, and once on the test split. US-Net+ is
US-Net whose resolution is lowered when it is used, without training for it.

Prints the test top-1 of the best by held-out images under each budget, the mean
difference from US-Net+ over all budgets, and the largest network by each rule;
draws the curves. As Figures 1 and 4 and Table 1 of MutualNet (Yang et al.,
ECCV 2020).

Trainings that are done are not repeated, and one that was killed goes on.

    python benchmarks/mutual.py --data_dir=DIR
    python benchmarks/mutual.py --data_dir=DIR --seeds=1 --epochs=4
"""

import argparse
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from tables import spread

from keras_elastic import files
from keras_elastic import zoo
from keras_elastic.selection.budget import short
from keras_elastic.selection.searches.query_table import configurations
from keras_elastic.spaces import costs
from keras_elastic.training import Run
from keras_elastic.training import Single
from keras_elastic.zoo import evaluation
from keras_elastic.zoo.writing import remember_recipe

RECIPE = "mutualnet_mobilenet_v1_cifar10"
US_NET, PLUS, MUTUAL, ALONE = "US-Net", "US-Net+", "MutualNet", "alone"
# Budgets of the curves, from the least network to the largest.
NUM_BUDGETS = 12


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir")
    parser.add_argument("--recipe", default=RECIPE)
    parser.add_argument("--epochs", type=int, help="[the recipe's]")
    parser.add_argument("--limit", type=int, help="training images [all]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--rules", nargs="+", choices=list(RULES), default=list(RULES)
    )
    parser.add_argument("--out", default="runs/mutual")
    arguments = parser.parse_args()
    given = {"epochs": arguments.epochs, "limit": arguments.limit}
    recipe = zoo.read_recipe(
        arguments.recipe, {k: v for k, v in given.items() if v is not None}
    )
    dataset = evaluation.load_dataset(recipe, arguments.data_dir)
    out = pathlib.Path(arguments.out)
    measured = {
        (rule, seed): measure(rule, recipe, seed, dataset, out)
        for seed in range(arguments.seeds)
        for rule in arguments.rules
    }
    report(measured, recipe, arguments.seeds, out)


def us_net(recipe):
    """US-Net's recipe: the largest resolution only."""
    largest = max(recipe.make_family().space.resolution)
    return recipe.replace(sampler="sandwich", training_resolutions=(largest,))


# What each rule makes of the recipe, and which networks it trains.
RULES = {
    US_NET: (us_net, None),
    MUTUAL: (lambda recipe: recipe, None),
    ALONE: (us_net, lambda space: Single(space.largest)),
}


def measure(rule, recipe, seed, dataset, out):
    """Trains by a rule, and scores every width at every resolution.

    Returns:
        List of dictionaries: resolution, flops, held_out and test top-1.
    """
    change, choose = RULES[rule]
    recipe = change(recipe.replace(seed=seed))
    folder = out / f"{rule}, seed {seed}"
    remember_recipe(folder, recipe)
    path = folder / "result.json"
    if path.is_file():
        return json.loads(path.read_text())
    print(folder, flush=True)
    space = recipe.make_family().space
    training = recipe.make_training(Run(dataset=dataset, folder=folder))
    supernet = training.train(choose and choose(space))
    scorer = evaluation.make_scorer(supernet, recipe, dataset)
    archs = configurations(space) if choose is None else [space.largest]
    rows = [score(arch, scorer, recipe, dataset) for arch in archs]
    with files.replacing(path) as temporary:
        temporary.write_text(json.dumps(rows, indent=1) + "\n")
    return rows


def score(arch, scorer, recipe, dataset):
    """One row of `measure`."""
    supernet = scorer.supernet
    statistics = scorer.statistics(arch)
    held_out, test = (
        scorer.evaluate(arch, statistics, batches).accuracy
        for batches in (
            scorer.evaluation_batches,
            evaluation.test_batches(recipe, dataset),
        )
    )
    plan = supernet.family.plan(arch, supernet.classes)
    return {
        "resolution": arch.resolution,
        "flops": int(costs(plan).flops),
        "held_out": float(held_out),
        "test": float(test),
    }


def report(measured, recipe, seeds, out):
    """Prints the tables and draws the curves of what was measured."""
    print(
        f"\n{recipe.dataset}, test split; {recipe.epochs} epochs; seeds: "
        f"{seeds}. flops: multiply-adds."
    )
    rules = {rule for rule, _ in measured}
    networks = {
        rule: [measured[rule, seed] for seed in range(seeds)]
        for rule in (US_NET, MUTUAL)
        if rule in rules
    }
    if US_NET in networks:
        # The same weights, at any resolution; US-Net proper at the largest.
        networks[PLUS] = networks[US_NET]
        networks[US_NET] = [at_largest(rows) for rows in networks[PLUS]]
    if networks:
        budgets = make_budgets(networks)
        curves = {
            rule: np.array([curve(rows, budgets) for rows in found])
            for rule, found in networks.items()
        }
        print_curves(curves, budgets)
        draw(curves, budgets, out / "mutual.png")
    print_largest(measured, seeds)


def at_largest(rows):
    """The rows of the largest resolution."""
    largest = max(row["resolution"] for row in rows)
    return [row for row in rows if row["resolution"] == largest]


def make_budgets(networks):
    """Budgets from the least to the most that the networks cost."""
    flops = [
        row["flops"]
        for found in networks.values()
        for rows in found
        for row in rows
    ]
    return np.geomspace(min(flops), max(flops), NUM_BUDGETS)


def curve(rows, budgets):
    """Test top-1 of the best by held-out images in each budget, or NaN."""
    # Of a hair, so that rounding does not exclude the largest.
    slack = 1 + 1e-9
    best = []
    for budget in budgets:
        fitting = [row for row in rows if row["flops"] <= budget * slack]
        chosen = max(fitting, key=lambda row: row["held_out"], default=None)
        best.append(chosen["test"] if chosen else np.nan)
    return best


def print_curves(curves, budgets):
    """Prints a row a budget, and the mean difference from US-Net+."""
    names = list(curves)
    print(f"\n| budget | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for place, budget in enumerate(budgets):
        cells = [
            "–"
            if np.isnan(values[:, place]).any()
            else spread(values[:, place])
            for values in curves.values()
        ]
        print(f"| {short(budget)} | {' | '.join(cells)} |")
    if MUTUAL in curves and PLUS in curves:
        gains = 100 * (curves[MUTUAL] - curves[PLUS]).mean(axis=1)
        print(
            f"\n{MUTUAL} - {PLUS}, mean over the budgets, a figure a seed: "
            + ", ".join(f"{gain:+.2f}" for gain in gains)
            + f"; mean {gains.mean():+.2f} points"
        )


def print_largest(measured, seeds):
    """Prints what the largest network gets by each rule."""
    print("\n| the largest, trained by | test top-1 |\n|---|---|")
    for rule in dict.fromkeys(rule for rule, _ in measured):
        tops = [
            max(measured[rule, seed], key=lambda row: row["flops"])["test"]
            for seed in range(seeds)
        ]
        print(f"| {rule} | {spread(tops)} |")


def draw(curves, budgets, path):
    """Draws the mean of each curve, with the range of the seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for rule, values in curves.items():
        values = 100 * values
        axes.plot(budgets / 1e6, values.mean(axis=0), marker="o", label=rule)
        axes.fill_between(
            budgets / 1e6, values.min(axis=0), values.max(axis=0), alpha=0.2
        )
    axes.set_xscale("log")
    axes.set_xlabel("multiply-adds of one image, millions")
    axes.set_ylabel("test top-1, %")
    axes.legend()
    with files.replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    print(f"\nDrew {path}.")


if __name__ == "__main__":
    main()

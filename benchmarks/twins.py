"""Children of a supernet against networks that were trained alone.

For each budget of an entry's recipe, top-1 on the test split of three networks:
the child on the entry's front, without retraining; its twin, the same
architecture trained alone; and the largest architecture with all widths scaled
by one factor to the child's multiply-adds, trained alone, too. Those alone have
the recipe's data, epochs and schedule. This is the question of BigNAS (Yu et
al., ECCV 2020), Table 3, whose two distilled variants are kinds of their own:
"taught" learns from the soft labels of the entry's largest child alone, "pair"
beside the largest network, in place, both from scratch.

Below the table stands Kendall's tau of the children's ranking and that of each
kind alone.

Trainings that are done are not repeated, and one that was killed goes on.

    python benchmarks/twins.py --entry=bignas_cifar10 --data_dir=DIR
"""

import argparse
import dataclasses
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from tables import spread

import keras_elastic as ke
from keras_elastic import files
from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection.budget import short
from keras_elastic.spaces import costs
from keras_elastic.spaces import round_channels
from keras_elastic.training import Run
from keras_elastic.training import Single
from keras_elastic.zoo import evaluation
from keras_elastic.zoo.initial import recipe_initial
from keras_elastic.zoo.writing import remember_recipe

# Widths are scaled by one of these parts of SCALE.
SCALE = 200
PARTS = range(SCALE, SCALE // 10, -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", default="bignas_cifar10")
    parser.add_argument("--data_dir")
    parser.add_argument("--out", help="folder of the runs [runs/<entry>_twins]")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, help="[the recipe's]")
    parser.add_argument(
        "--budgets", nargs="+", type=float, help="[the recipe's]"
    )
    parser.add_argument(
        "--kinds", nargs="+", choices=list(KINDS), default=["twin", "scaled"]
    )
    arguments = parser.parse_args()
    entry = zoo.find_entry(arguments.entry)
    recipe = entry.recipe
    if arguments.epochs:
        recipe = recipe.replace(epochs=arguments.epochs)
    dataset = ke.data.load_dataset(
        recipe.dataset, arguments.data_dir, limit=recipe.limit
    )
    evaluation.check_same_classes(entry, dataset)
    out = pathlib.Path(arguments.out or f"runs/{entry.name}_twins")
    rows = {
        flops: entry.front.best(Budget(flops=flops), entry.name)
        for flops in arguments.budgets or recipe.budgets
    }
    top1 = {}
    # All twins first: their table says something without the others.
    for kind in arguments.kinds:
        for flops, row in rows.items():
            alone, arch, found = KINDS[kind](recipe, row, entry.classes)
            if kind == "taught":
                alone = alone.replace(teacher=arguments.entry)
            sampler = Single(arch)
            if kind == "pair":
                sampler = Single(entry.family.space.largest, (arch,))
            name = f"{kind} of {short(flops)}"
            accuracies = [
                measure(
                    alone,
                    arch,
                    dataset,
                    out / f"{name}, seed {seed}",
                    seed,
                    sampler,
                )
                for seed in range(arguments.seeds)
            ]
            top1[kind, flops] = found, accuracies
    print_table(rows, top1, recipe, arguments.seeds)


def same_architecture(recipe, row, classes):
    """The recipe, the architecture and the multiply-adds of a twin."""
    return recipe, row.arch, row.flops


def scale_widths(recipe, row, classes):
    """The largest architecture with all widths scaled within `row.flops`.

    Widths are even, and at least 4, of which squeeze-excite takes a quarter.
    If those of the largest resolution are above it at the least, the next
    resolution is taken.

    Returns:
        A recipe whose family has this architecture only, the architecture,
        and its multiply-adds.
    """
    table = recipe.make_family()
    for resolution in sorted(table.resolution, reverse=True):
        for part in PARTS:
            changes = {
                **recipe.family_changes,
                **_scaled(table, part),
                "resolution": (resolution,),
            }
            scaled = recipe.replace(family_changes=changes)
            family = scaled.make_family()
            arch = family.space.largest
            found = costs(family.plan(arch, classes)).flops
            if found <= row.flops:
                return scaled, arch, found
    raise ValueError(
        f"No width of '{table.name}' is within {short(row.flops)}."
    )


def taught(recipe, row, classes):
    """As `same_architecture`, on soft labels alone."""
    alone = recipe.replace(objective="supervised", label_weight=0.0)
    return alone, row.arch, row.flops


def pair(recipe, row, classes):
    """As `same_architecture`, in place beside the largest."""
    alone = recipe.replace(objective="in_place_distillation")
    return alone, row.arch, row.flops


KINDS = {
    "twin": same_architecture,
    "scaled": scale_widths,
    "taught": taught,
    "pair": pair,
}


def _scaled(table, part):
    """Changes of a table that leave one choice of everything."""

    def width(choices):
        return (round_channels(part * max(choices), 2, minimum=4, scale=SCALE),)

    stages = [
        {
            **dataclasses.asdict(stage),
            "width": width(stage.width),
            "depth": (max(stage.depth),),
            "kernel_size": (max(stage.kernel_size),),
            "expand_ratio": (max(stage.expand_ratio),),
        }
        for stage in table.stages
    ]
    return {
        "stem": width(table.stem),
        "stages": stages,
        "head": width(table.head),
    }


def measure(recipe, arch, dataset, folder, seed, sampler=None):
    """Trains a network alone, and returns its accuracy on the test split.

    Or beside another, where `sampler` draws both.
    """
    recipe = recipe.replace(seed=seed)
    remember_recipe(folder, recipe)
    remember_architecture(folder, arch)
    path = folder / "result.json"
    if path.is_file():
        return json.loads(path.read_text())["test_top1"]
    print(folder, flush=True)
    run = Run(
        dataset=dataset,
        folder=folder,
        load_teacher=zoo.load_teacher,
        load_initial=recipe_initial,
    )
    trained = recipe.make_training(run).train(sampler or Single(arch))
    scorer = evaluation.make_scorer(trained, recipe, dataset)
    top1 = scorer.evaluate(
        arch, scorer.statistics(arch), evaluation.test_batches(recipe, dataset)
    ).accuracy
    with files.replacing(path) as temporary:
        temporary.write_text(json.dumps({"test_top1": float(top1)}) + "\n")
    return top1


def remember_architecture(folder, arch):
    """Refuses a folder of a network that another front had selected."""
    path = folder / "architecture.json"
    if not path.is_file():
        with files.replacing(path) as temporary:
            temporary.write_text(arch.to_json())
    if path.read_text() != arch.to_json():
        raise ValueError(
            f"The folder {str(folder)!r} must hold {arch.to_json()}. "
            f"Received: one of {path.read_text()}. Pass another --out, or "
            "delete the folder."
        )


def print_table(rows, top1, recipe, seeds):
    """Prints a table in Markdown."""
    print(
        f"\n{recipe.dataset}, test split; {recipe.epochs} epochs; seeds of "
        f"those alone: {seeds}. flops: multiply-adds.\n\n"
        "| budget | flops | child | twin alone | difference | scaled flops | "
        "scaled alone |\n|---|---|---|---|---|---|---|"
    )
    for flops, row in rows.items():
        cells = [short(flops), short(row.flops), f"{row.test_top1:.2%}"]
        cells += ["–"] * 4
        if ("twin", flops) in top1:
            _, twin = top1["twin", flops]
            cells[3] = spread(twin)
            cells[4] = f"{100 * (row.test_top1 - np.mean(twin)):+.2f}"
        if ("scaled", flops) in top1:
            found, scaled = top1["scaled", flops]
            cells[5:] = short(found), spread(scaled)
        print(f"| {' | '.join(cells)} |")
    print_others(rows, top1)


def print_others(rows, top1):
    """Prints the other kinds, and how alike each kind and the children rank."""
    for kind in dict.fromkeys(kind for kind, _ in top1):
        alone = {f: found for (k, f), (_, found) in top1.items() if k == kind}
        means = [np.mean(alone[flops]) for flops in rows]
        children = [row.test_top1 for row in rows.values()]
        cells = [f"{short(f)}: {spread(alone[f])}" for f in rows]
        tau = evaluation.kendall_tau(children, means)
        print(
            f"\n{kind}: {', '.join(cells)}. Kendall's tau against the "
            f"children: {'of too few' if tau is None else f'{tau:.2f}'}"
        )


if __name__ == "__main__":
    main()

"""Children of a supernet against networks that were trained alone.

For each budget of an entry's recipe, top-1 on the test split of the child on
its front, without retraining, and of networks that are trained alone: its twin,
the same architecture; the largest architecture with all widths scaled by one
factor to the child's multiply-adds ("scaled"); and the largest architecture at
the greatest resolution at which it costs no more than the child ("resized"),
which is what a user of a published network would take. Those alone have the
recipe's data, initial weights, epochs and schedule, in one phase. This is the
question of BigNAS (Yu et al., ECCV 2020), Table 3, whose two distilled variants
are kinds of their own: "taught" learns from the soft labels of the entry's
largest child alone, "pair" beside the largest network, in place.

Below the table stands Kendall's tau of the children's ranking and that of each
kind alone.

Trainings that are done are not repeated, and one that was killed goes on.

    python benchmarks/twins.py --entry=bignas_cifar10 --data_dir=DIR
    python benchmarks/twins.py --entry=bignas --data_dir=DIR --kinds resized \
        --epochs=2 --steps_per_epoch=1000
"""

import argparse
import dataclasses
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from tables import spread

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
# Resolutions are multiples of it.
PIXELS = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", default="bignas_cifar10")
    parser.add_argument("--data_dir")
    parser.add_argument("--out", help="folder of the runs [runs/<entry>_twins]")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, help="[the recipe's]")
    parser.add_argument("--steps_per_epoch", type=int, help="[the recipe's]")
    parser.add_argument(
        "--budgets", nargs="+", type=float, help="[the recipe's]"
    )
    parser.add_argument(
        "--kinds", nargs="+", choices=list(KINDS), default=["twin", "scaled"]
    )
    arguments = parser.parse_args()
    entry = zoo.find_entry(arguments.entry)
    recipe = alone_recipe(entry.recipe, arguments)
    dataset = evaluation.load_dataset(recipe, arguments.data_dir)
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


def alone_recipe(recipe, arguments):
    """The recipe of one network: in one phase, at its own resolution."""
    changes = {
        "epochs": arguments.epochs,
        "steps_per_epoch": arguments.steps_per_epoch,
    }
    given = {name: value for name, value in changes.items() if value}
    return recipe.replace(
        phases=(), training_resolutions=None, same_resolution=False, **given
    )


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
    changes = (
        {**_scaled(table, part), "resolution": (resolution,)}
        for resolution in sorted(table.resolution, reverse=True)
        for part in PARTS
    )
    return _first_within(recipe, changes, row, classes)


def resize(recipe, row, classes):
    """The largest architecture at the greatest resolution in `row.flops`.

    Returns:
        As `scale_widths`.
    """
    highest = max(recipe.make_family().resolution)
    resolutions = range(highest, PIXELS - 1, -PIXELS)
    changes = ({"resolution": (resolution,)} for resolution in resolutions)
    return _first_within(recipe, changes, row, classes)


def _first_within(recipe, changes, row, classes):
    """The first change of the family whose largest network costs no more."""
    for change in changes:
        alone = recipe.replace(
            family_changes={**recipe.family_changes, **change}
        )
        family = alone.make_family()
        arch = family.space.largest
        found = costs(family.plan(arch, classes)).flops
        if found <= row.flops:
            return alone, arch, found
    raise ValueError(f"No such network is within {short(row.flops)}.")


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
    "resized": resize,
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
        "| budget | flops | child | alone | flops | top-1 | difference |\n"
        "|---|---|---|---|---|---|---|"
    )
    for (kind, flops), (found, alone) in top1.items():
        row = rows[flops]
        difference = 100 * (row.test_top1 - np.mean(alone))
        print(
            f"| {short(flops)} | {short(row.flops)} | {row.test_top1:.2%} | "
            f"{kind} | {short(found)} | {spread(alone)} | {difference:+.2f} |"
        )
    print_rankings(rows, top1)


def print_rankings(rows, top1):
    """Prints how alike each kind and the children rank."""
    children = [row.test_top1 for row in rows.values()]
    for kind in dict.fromkeys(kind for kind, _ in top1):
        means = [np.mean(top1[kind, flops][1]) for flops in rows]
        tau = evaluation.kendall_tau(children, means)
        print(
            f"\n{kind}: Kendall's tau against the children "
            f"{'of too few' if tau is None else f'{tau:.2f}'}"
        )


if __name__ == "__main__":
    main()

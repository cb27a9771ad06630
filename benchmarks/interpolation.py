"""Where a phase of training should end, between its first and last weights.

For some parts of the way, the field `interpolation` of a recipe: held-out top-1
of the largest architecture at each resolution that the last phase trains, or of
the networks of a front that cost no more than some budgets. Statistics
are measured for each. Held-out images, because a part is chosen by it.

    python benchmarks/interpolation.py --run=runs/bignas --data_dir=DIR
    python benchmarks/interpolation.py --run=runs/bignas --budgets 25e6 1e8
"""

import argparse
import dataclasses
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.selection.budget import short
from keras_elastic.training.ingredients import trained_space
from keras_elastic.training.phases import interpolate
from keras_elastic.training.training_recipe import recipe_from_json
from keras_elastic.zoo import evaluation


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="a run of two phases")
    parser.add_argument("--data_dir")
    parser.add_argument(
        "--parts", nargs="+", type=float, default=[0, 0.5, 0.7, 1]
    )
    parser.add_argument("--budgets", nargs="*", type=float, default=[])
    parser.add_argument("--front", help="an entry [the run]")
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.run)
    # Of a run that may not have selected yet.
    recipe = recipe_from_json((folder / "recipe.json").read_text("utf-8"))
    phases = recipe.phase_recipes()
    if len(phases) < 2:
        parser.error("--run must be a run whose recipe has phases.")
    dataset = evaluation.load_dataset(recipe, arguments.data_dir)
    supernet = ke.Supernet(recipe.make_family(), dataset.num_classes)
    start = None
    for phase in phases[:-1]:
        trained = read(supernet, folder / "training" / phase.name)
        # An earlier phase may end on its way, too.
        start = interpolate(start, trained, phase.interpolation)
    end = read(supernet, folder / "training" / phases[-1].name)
    columns = choose(phases[-1], arguments.front or folder, arguments.budgets)
    print(f"| part | {' | '.join(columns)} |")
    print(f"|---|{'---|' * len(columns)}")
    for part in arguments.parts:
        supernet.set_weights(interpolate(start, end, part))
        scorer = evaluation.make_scorer(supernet, recipe, dataset)
        cells = [f"{scorer(arch).accuracy:.2%}" for arch in columns.values()]
        print(f"| {part:g} | {' | '.join(cells)} |", flush=True)


def choose(phase, front, budgets):
    """The architectures to score, by the heads of their columns."""
    if budgets:
        return {
            short(budget): zoo.select(front, flops=budget).arch
            for budget in budgets
        }
    space = trained_space(phase)
    return {
        str(size): dataclasses.replace(space.largest, resolution=size)
        for size in space.resolution
    }


def read(supernet, folder):
    """The weights that a phase has left."""
    supernet.load_weights(folder / "final.weights.h5")
    return supernet.get_weights()


if __name__ == "__main__":
    main()

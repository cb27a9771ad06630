"""Where a phase of training should end, between its first and last weights.

For some parts of the way, the field `interpolation` of a recipe: held-out top-1
of the largest architecture at each resolution that the last phase trains, with
statistics measured for it. Held-out images, because a part is chosen by it.

    python benchmarks/interpolation.py --run=runs/bignas --data_dir=DIR
"""

import argparse
import dataclasses
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.training.ingredients import trained_space
from keras_elastic.training.phases import interpolate
from keras_elastic.zoo import evaluation


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="a run of two phases")
    parser.add_argument("--data_dir")
    parser.add_argument(
        "--parts", nargs="+", type=float, default=[0, 0.5, 0.7, 1]
    )
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.run)
    recipe = zoo.find_entry(folder).recipe
    phases = recipe.phase_recipes()
    if len(phases) < 2:
        parser.error("--run must be a run whose recipe has phases.")
    dataset = ke.data.load_dataset(
        recipe.dataset, arguments.data_dir, limit=recipe.limit
    )
    supernet = ke.Supernet(recipe.make_family(), dataset.num_classes)
    start, end = (
        read(supernet, folder / "training" / phase.name)
        for phase in phases[-2:]
    )
    space = trained_space(phases[-1])
    sizes = space.resolution
    print(f"| part | {' | '.join(map(str, sizes))} |")
    print(f"|---|{'---|' * len(sizes)}")
    for part in arguments.parts:
        supernet.set_weights(interpolate(start, end, part))
        scorer = evaluation.make_scorer(supernet, recipe, dataset)
        archs = [
            dataclasses.replace(space.largest, resolution=size)
            for size in sizes
        ]
        cells = [f"{scorer(arch).accuracy:.2%}" for arch in archs]
        print(f"| {part:g} | {' | '.join(cells)} |", flush=True)


def read(supernet, folder):
    """The weights that a phase has left."""
    supernet.load_weights(folder / "final.weights.h5")
    return supernet.get_weights()


if __name__ == "__main__":
    main()

"""Measures the largest network of an entry at each of its resolutions.

python benchmarks/resolutions.py --data_dir=DIR [--entry=bignas] [--images=N]

Top-1 on the first N images of the test split, with statistics measured on
training images at each resolution. It chooses nothing: what `load` chooses was
chosen on held-out images.
"""

import argparse
import dataclasses
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.selection.budget import short
from keras_elastic.spaces import costs
from keras_elastic.zoo import evaluation

BATCH = 250


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entry", default="bignas")
    parser.add_argument("--data_dir", default=None)
    parser.add_argument("--images", type=int, default=2000)
    arguments = parser.parse_args()
    entry = zoo.find_entry(arguments.entry)
    dataset = ke.data.load_dataset(entry.recipe.dataset, arguments.data_dir)
    evaluation.check_same_classes(entry, dataset)
    supernet = entry.supernet()
    scorer = evaluation.make_scorer(supernet, entry.recipe, dataset)
    batches = list(
        ke.data.evaluation_batches(
            dataset.test,
            batch_size=BATCH,
            patch_size=entry.recipe.patch_size,
            count=arguments.images,
        )
    )
    print("| resolution | flops | test top-1 |\n|---|---|---|")
    for resolution in supernet.space.resolution:
        arch = dataclasses.replace(
            supernet.space.largest, resolution=resolution
        )
        flops = costs(entry.family.plan(arch, entry.classes)).flops
        score = scorer.evaluate(arch, scorer.statistics(arch), batches)
        print(f"| {resolution} | {short(flops)} | {score.accuracy:.2%} |")


if __name__ == "__main__":
    main()

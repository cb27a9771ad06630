"""What the gate of a DS-Net brings, on CIFAR-10.

Trains the recipe `ds_mobilenet_cifar10` with several seeds, and gates of other
kinds on the same supernet. Each gate is compared, at its average multiply-adds,
with what the widths of its supernet do without it:

- by chance: a part of the images, drawn at random, goes to each of the two
  neighboring widths. A width for all of them is the end of that line;
- by confidence: a narrow width is asked first, and a wider one, from the image
  on, where its largest probability is too small. The pair of widths and the
  threshold are the best within the gate's average on held-out images;
- by an oracle, which sends each image to the narrowest width that is right.

Trainings that are done are not repeated, and one that was killed goes on.

    python benchmarks/dsnet_cifar10.py --data_dir=DIR
    python benchmarks/dsnet_cifar10.py --data_dir=DIR --gates=recipe \\
        --objective=in_place_distillation --run=RUN
"""

import argparse
import dataclasses
import itertools
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from tables import spread

from keras_elastic.conditional.cascades.curve import CascadeCurve
from keras_elastic.conditional.cascades.held_out import predict
from keras_elastic.conditional.dsnet import run as dsnet_run
from keras_elastic.selection.budget import short
from keras_elastic.spaces import costs
from keras_elastic.training import Run
from keras_elastic.training.training_recipe import TrainingRecipe
from keras_elastic.zoo import evaluation
from keras_elastic.zoo import places
from keras_elastic.zoo.writing import remember_recipe

WINDOW = "all"
GATES = {
    "recipe": {},
    "images that the supernet has seen": {"gate_images": 0},
    "no guidance": {"guidance_weight": 0.0},
    "give up": {"hard_samples": "give_up"},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir")
    parser.add_argument("--run", default="runs/dsnet_cifar10_gates")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--gate_epochs", type=int)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--objective")
    parser.add_argument(
        "--gates", nargs="+", choices=list(GATES), default=list(GATES)
    )
    arguments = parser.parse_args()
    given = {
        name: getattr(arguments, name)
        for name in ("epochs", "gate_epochs", "limit", "objective")
    }
    recipe = TrainingRecipe.from_file(
        places.recipe_file("ds_mobilenet_cifar10")
    ).replace(
        windows=(WINDOW,),
        **{name: value for name, value in given.items() if value is not None},
    )
    dataset = evaluation.load_dataset(recipe, arguments.data_dir)
    found = []
    for seed in range(arguments.seeds):
        folder = pathlib.Path(arguments.run) / f"seed {seed}"
        print(folder, flush=True)
        seeded = recipe.replace(seed=seed)
        remember_recipe(folder, seeded)
        run = Run(dataset=dataset, folder=folder)
        found.append(measure(seeded, run, arguments.gates))
    print_widths([widths for widths, _ in found])
    for name in arguments.gates:
        print_gate(name, found)


def measure(recipe, run, names):
    """Trains a supernet and gates; returns its `Widths` and their results."""
    training = recipe.make_training(run)
    supernet = training.phases.train()
    statistics = dsnet_run.measure_statistics(supernet, recipe, run.dataset)
    splits = [
        tuple(map(np.concatenate, zip(*batches, strict=True)))
        for batches in (
            evaluation.held_out_batches(recipe, run.dataset),
            evaluation.test_batches(recipe, run.dataset),
        )
    ]
    gates = {}
    for name in names:
        changed, part = recipe.replace(**GATES[name]), training.gate_run
        if not changed.gate_images:
            part = training.phases.run
            # As many steps as those with images of their own.
            steps = recipe.gate_recipe().steps_per_epoch
            most = part.steps_per_epoch(changed)
            changed = changed.replace(steps_per_epoch=min(steps, most))
        folder = run.folder / f"gates, {name}"
        model = dsnet_run.train_gates(
            supernet,
            statistics,
            WINDOW,
            changed,
            dataclasses.replace(part, folder=folder),
        )
        gates[name] = [dsnet_run.evaluate_model(model, [s]) for s in splits]
    return Widths(supernet, statistics, splits), gates


class Widths:
    """What the widths of a supernet do without a gate.

    `flops` and `test_top1` of each width; the rest are methods.
    """

    def __init__(self, supernet, statistics, splits):
        plans = [supernet.family.plan(a, supernet.classes) for a in statistics]
        self.flops = [float(costs(plan).flops) for plan in plans]
        children = [supernet.child(a, s) for a, s in statistics.items()]
        self._logits, self._labels = zip(
            *(
                (np.stack([predict(c, images) for c in children]), labels)
                for images, labels in splits
            ),
            strict=True,
        )
        self._right = self._logits[1].argmax(axis=-1) == self._labels[1]
        self.test_top1 = self._right.mean(axis=1)

    def by_chance(self, flops):
        """Test accuracy of images sent to two widths at random."""
        return float(np.interp(flops, self.flops, self.test_top1))

    def by_confidence(self, flops):
        """Test accuracy of two widths in turn, within an average.

        Returns:
            The average multiply-adds on the test split, and the accuracy.
        """
        found = [
            (self._curve(pair, 0).best_within(flops), pair)
            for pair in itertools.combinations(range(len(self.flops)), 2)
            if self.flops[pair[0]] <= flops
        ]
        best, pair = max(found, key=lambda each: each[0].top1)
        row = self._curve(pair, 1).at(best.threshold)
        return row.flops, row.top1

    def oracle(self):
        """As `by_confidence`, of a judge who sends each image once."""
        chosen = np.asarray(self.flops)[self._right.argmax(axis=0)]
        return float(chosen.mean()), float(self._right.any(axis=0).mean())

    def _curve(self, pair, split):
        pair = list(pair)
        return CascadeCurve(
            self._logits[split][pair],
            self._labels[split],
            np.asarray(self.flops)[pair],
        )


def print_widths(found):
    """Prints each width for all images, and the oracle."""
    print(f"\n{'':<36}{'flops':>10}{'test top-1':>30}")
    for number, flops in enumerate(found[0].flops):
        cell = spread([widths.test_top1[number] for widths in found])
        print(f"{f'width {number}':<36}{short(flops):>10}{cell:>30}")
    flops, top1 = zip(*(widths.oracle() for widths in found), strict=True)
    print(f"{'oracle':<36}{short(np.mean(flops)):>10}{spread(top1):>30}")


def print_gate(name, found):
    """Prints a gate, and the widths at its average multiply-adds."""
    rows = {"gate": [], "by chance": [], "by confidence": []}
    for widths, gates in found:
        (held_out_flops, _), (flops, top1) = gates[name]
        rows["gate"].append((flops, top1))
        rows["by chance"].append((flops, widths.by_chance(flops)))
        rows["by confidence"].append(widths.by_confidence(held_out_flops))
    print(f"\n{name}")
    for label, pairs in rows.items():
        flops, top1 = zip(*pairs, strict=True)
        print(f"{label:<36}{short(np.mean(flops)):>10}{spread(top1):>30}")
    gains = [
        gate - chance
        for (_, gate), (_, chance) in zip(
            rows["gate"], rows["by chance"], strict=True
        )
    ]
    print(f"{'gate, over chance, points':<46}{100 * np.mean(gains):>30.2f}")


if __name__ == "__main__":
    main()

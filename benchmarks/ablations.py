"""What the ingredients of BigNAS's training are worth, one at a time.

A small supernet is trained on a part of CIFAR-10 with all ingredients and with
one of them changed, from the same seeds. Its steps train the largest, the
smallest and one random subnet, where the paper has two. A line for each: top-1
on the test split of the smallest subnet, of some in between and of the largest,
the mean over the seeds and their range. As figures 4 to 7 of BigNAS (Yu et al.,
ECCV 2020); nothing is chosen by the test split.

Trainings that are done are not repeated. With the paper's own optimizer and its
rate, at which networks of gammas of one explode:

    python benchmarks/ablations.py --data_dir=DIR
    python benchmarks/ablations.py --data_dir=DIR --optimizer=rmsprop \\
        --initial_accumulator=1 --learning_rate=0.256 --out=runs/explosive
    python benchmarks/ablations.py --data_dir=DIR --variants=all,cosine
"""

import argparse
import functools
import json
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from tables import spread

import keras_elastic as ke
from keras_elastic import files
from keras_elastic.data.augmentation import shift_flip
from keras_elastic.training import Recipe
from keras_elastic.training import Run
from keras_elastic.training import Trainer
from keras_elastic.training.task import SubnetTask
from keras_elastic.training.tensorflow_engine import TensorFlowEngine
from keras_elastic.training.tensorflow_step import TensorFlowStep
from keras_elastic.training.tensorflow_step import decay_gradients
from keras_elastic.zoo import evaluation
from keras_elastic.zoo.writing import remember_recipe

# What each changes: fields of the recipe, or of `VariantStep.variant`, or
# "gammas", those of a block's last normalization, and "rate", a factor of the
# learning rate.
VARIANTS = {
    "all": {},
    "gammas of one": {"gammas": 1.0},
    "gammas of one at 0.3 of the rate": {"gammas": 1.0, "rate": 0.3},
    "no constant ending": {"ending": 0.0},
    "cosine": {"schedule": "cosine"},
    "linear": {"schedule": "linear"},
    "every subnet regularized": {"regularized": True},
    "a patch for each subnet": {"own_patches": True},
    "two random subnets": {"num_random": 2},
}
COLUMNS = ("smallest", "between", "largest")
NUM_BETWEEN = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data_dir")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--family", default="bignas_cifar10")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--learning_rate", type=float, default=0.05)
    parser.add_argument(
        "--optimizer", choices=["sgd", "rmsprop"], default="sgd"
    )
    parser.add_argument("--initial_accumulator", type=float, default=0.0)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first_seed", type=int, default=0)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--out", default="runs/ablations")
    arguments = parser.parse_args()
    names = arguments.variants.split(",")
    unknown = sorted(set(names) - set(VARIANTS))
    if unknown:
        parser.error(f"--variants must be of {[*VARIANTS]}, not {unknown}.")
    dataset = ke.data.load_dataset(
        arguments.dataset, arguments.data_dir, limit=arguments.images
    )
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    found = {name: [] for name in names}
    # Seed by seed, so that what is there of a killed run can be compared.
    for seed in seeds:
        for name in names:
            recipe = make_recipe(arguments).replace(seed=seed)
            folder = pathlib.Path(arguments.out) / f"{name}, seed {seed}"
            found[name].append(measure(name, recipe, dataset, folder))
    print_table(found, make_recipe(arguments), dataset)


def make_recipe(arguments):
    """The recipe with all ingredients."""
    epochs = arguments.epochs
    return Recipe(
        name="ablations",
        family=arguments.family,
        dataset=arguments.dataset,
        limit=arguments.images,
        patch_size=32,
        batch_size=arguments.batch_size,
        epochs=epochs,
        num_random=1,
        optimizer=arguments.optimizer,
        initial_accumulator=arguments.initial_accumulator,
        learning_rate=arguments.learning_rate,
        schedule="exponential",
        # The rate reaches its ending after two thirds of the epochs, as in
        # the paper: 0.97 to the power of 98.35 is 0.05.
        decay_epochs=epochs * 2 / 3 / 98.35,
        warmup_epochs=epochs / 20,
        weight_decay=5e-4,
        decayed="dense_kernels",
        clip_norm=5.0,
        budgets=(1e7,),
    )


def measure(name, recipe, dataset, folder):
    """Trains a variant; returns the test accuracies of `COLUMNS`."""
    changes = dict(VARIANTS[name])
    gammas = changes.pop("gammas", None)
    rate = changes.pop("rate", 1.0)
    variant = {
        key: changes.pop(key, False) for key in ("regularized", "own_patches")
    }
    recipe = recipe.replace(
        learning_rate=rate * recipe.learning_rate, **changes
    )
    # Refuses results that were found with other flags.
    remember_recipe(folder, recipe)
    path = folder / "result.json"
    if path.is_file():
        return json.loads(path.read_text())
    print(folder, flush=True)
    supernet = train(recipe, dataset, gammas, variant)
    result = test_accuracies(supernet, recipe, dataset)
    with files.replacing(path) as temporary:
        temporary.write_text(json.dumps(result) + "\n")
    return result


def train(recipe, dataset, gammas, variant):
    """Trains a supernet by a recipe and the variant of a `VariantStep`."""
    keras.utils.set_random_seed(recipe.seed)
    supernet = ke.Supernet(recipe.make_family(), dataset.num_classes)
    if gammas is not None:
        set_gammas(supernet, gammas)
    run = Run(dataset=dataset, folder=".")
    steps_per_epoch = run.steps_per_epoch(recipe)
    trainer = VariantTrainer(
        supernet,
        recipe.make_optimizer(steps_per_epoch),
        recipe.make_sampler(),
        recipe.make_objective(),
        # A variant may fall to chance, which is a result here.
        guard=False,
        variant=variant,
        **recipe.step_settings(),
    )
    trainer.fit(
        functools.partial(run.batches, recipe),
        epochs=recipe.epochs,
        steps_per_epoch=steps_per_epoch,
        verbose=2,
    )
    return supernet


def set_gammas(supernet, value):
    """Sets the gammas that begin at zero."""
    for variable in supernet.trainable_variables:
        if variable.path.endswith("gamma") and not np.any(variable):
            variable.assign(np.full(variable.shape, value))


class VariantTrainer(Trainer):
    """A `Trainer` whose steps are `VariantStep`s."""

    def __init__(self, *arguments, variant, **settings):
        super().__init__(*arguments, **settings)
        self.task = VariantTask(
            self.supernet, self.task.sampler, self.task.objective
        )
        self.task.variant = variant
        step = VariantStep(variant, self.task, self.optimizer, self.settings)
        self._engine = TensorFlowEngine(step, self.settings)


class VariantTask(SubnetTask):
    """A task that may drop features of each subnet."""

    def masks(self, batch, index):
        if self.variant["regularized"]:
            return batch["masks"]
        return super().masks(batch, index)


class VariantStep(TensorFlowStep):
    """A step that shifts and mirrors the images by itself.

    Args:
        variant: Dictionary of `own_patches`, whether each subnet sees other
            shifts, and `regularized`, whether each subnet has dropout and
            weight decay.
        *parts: Arguments of `TensorFlowStep`.
    """

    def __init__(self, variant, *parts):
        super().__init__(*parts)
        self.variant = variant

    def gradients(self, *arguments):
        """Those of the step, whose number seeds the patches."""
        self._step = arguments[-1]
        return super().gradients(*arguments)

    def _forward_backward(self, batch, lessons, index, choice):
        place = index if self.variant["own_patches"] else tf.constant(0)
        images = self._shift_flip(batch["images"], place)
        gradients, logs, lessons = super()._forward_backward(
            {**batch, "images": images}, lessons, index, choice
        )
        if self.variant["regularized"]:
            gradients = self._with_decay(gradients, index)
        return gradients, logs, lessons

    def _shift_flip(self, images, place):
        size = images.shape[1]
        seed = tf.stack([self.settings.seed, self._step])
        seed = tf.random.experimental.stateless_fold_in(seed, place)
        seeds = tf.random.split(seed, images.shape[0])
        return tf.map_fn(
            lambda pair: shift_flip(*pair, size),
            (images, seeds),
            fn_output_signature=tf.TensorSpec(images.shape[1:], "float32"),
        )

    def _with_decay(self, gradients, index):
        """Adds the decay of what a subnet uses; the first has had its own."""
        decays = decay_gradients(
            self.variables, self._decays, self.settings.weight_decay
        )
        others = tf.cast(index > 0, "float32")
        return [
            gradient + others * tf.where(gradient == 0, 0.0, decay)
            for gradient, decay in zip(gradients, decays, strict=True)
        ]


def test_accuracies(supernet, recipe, dataset):
    """Top-1 on the test split of `COLUMNS`, with measured statistics."""
    scorer = evaluation.make_scorer(supernet, recipe, dataset)
    space = supernet.space
    # The same of every variant and seed.
    rng = np.random.default_rng(0)
    columns = {
        "smallest": [space.smallest],
        "between": [space.sample(rng) for _ in range(NUM_BETWEEN)],
        "largest": [space.largest],
    }
    batches = list(evaluation.test_batches(recipe, dataset))
    return {
        column: float(
            np.mean(
                [
                    scorer.evaluate(
                        arch, scorer.statistics(arch), batches
                    ).accuracy
                    for arch in archs
                ]
            )
        )
        for column, archs in columns.items()
    }


def print_table(found, recipe, dataset):
    """Prints a table in Markdown."""
    count = len(next(iter(found.values())))
    print(
        f"\n{recipe.family} on {dataset.train.size} images of "
        f"{recipe.dataset}, {recipe.epochs} epochs of batches of "
        f"{recipe.batch_size}, {count} seeds; test split. 'between': mean of "
        f"{NUM_BETWEEN} subnets.\n\n"
        f"| variant | {' | '.join(COLUMNS)} |\n|---|---|---|---|"
    )
    for name, results in found.items():
        cells = [spread([r[column] for r in results]) for column in COLUMNS]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

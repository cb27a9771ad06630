"""BigNAS at the size of CIFAR-10, trained on two CPU cores.

Paper: BigNAS (Yu et al., ECCV 2020). Reduced: images of 32 pixels, four
stages instead of seven, crops and flips instead of AutoAugment, and one random
subnet a step instead of two, which leaves time for more epochs.

Command: python train.py --recipe=bignas_cifar10 --data_dir=DIR
Data: cifar10, prepared by tensorflow-datasets in DIR.
Result: see README.md beside this file.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="bignas_cifar10",
    family="bignas_cifar10",
    # Half of BigNAS's: the networks are small, and the epochs few.
    family_changes={"dropout": 0.1},
    dataset="cifar10",
    augmentation="shift_flip",
    patch_size=32,
    num_random=1,
    batch_size=128,
    epochs=32,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.1,
    warmup_epochs=1.0,
    # Of the sum over three subnets, so a third as strong as it looks.
    weight_decay=5e-4,
    decayed="dense_kernels",
    clip_norm=5.0,
    budgets=(3e6, 6e6, 10e6, 16e6, 26e6),
    mutants=12,
    seed=0,
)

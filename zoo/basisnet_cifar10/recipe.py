"""A small BasisNet on 10,000 images of CIFAR-10.

Paper: BasisNet (Zhang et al., 2021), at the size of two CPU cores: both
networks are of the family `bignas_cifar10` with a stem of stride 2, the light
one at 24 pixels, and the blocks of the last two stages have 8 bases.

Command: python train.py --recipe=basisnet_cifar10 --data_dir=DIR
Data: cifar10, prepared by tensorflow-datasets in DIR; 10,000 training images,
of which a tenth is held out.
"""

from keras_elastic.conditional import BasisNetRecipe

CHANGES = {"stem_strides": 2}

recipe = BasisNetRecipe(
    name="basisnet_cifar10",
    network="plans",
    light={
        "family": "bignas_cifar10",
        "changes": CHANGES,
        "genes": {
            "resolution": 24,
            "width": (16, 16, 24, 40, 80, 320),
            "depth": (1, 1, 1, 1),
            "kernel_size": (3, 3, 3, 3),
            "expand_ratio": (1, 4, 4, 4),
        },
    },
    specialist={
        "family": "bignas_cifar10",
        "changes": CHANGES,
        "genes": {
            "resolution": 32,
            "width": (16, 16, 24, 40, 80, 320),
            "depth": (1, 2, 2, 2),
            "kernel_size": (3, 3, 3, 3),
            "expand_ratio": (1, 4, 4, 4),
        },
    },
    num_bases=8,
    # Behind the stem: stage 3 begins at 4, stage 4 ends at 7.
    first_basis_block=4,
    last_basis_block=7,
    dataset="cifar10",
    limit=10_000,
    augmentation="shift_flip",
    patch_size=32,
    batch_size=64,
    epochs=10,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.05,
    warmup_epochs=1.0,
    weight_decay=1e-4,
    clip_norm=5.0,
    label_smoothing=0.0,
    basis_dropout=1 / 8,
    preheat_epochs=1.0,
    preheat_decay_epochs=3.0,
)

"""A BasisNet of two children of `bignas_cifar10`, on CIFAR-10.

Paper: BasisNet (Zhang et al., 2021), at the size of two CPU cores. Both
networks begin with their trained weights, and each of the 8 bases with the
specialist's kernel and a little noise, so there is nothing to preheat. Both
learn from the labels, and the specialist from the largest child, too.

Command: python train.py --recipe=basisnet_cifar10 --data_dir=DIR
Data: cifar10, prepared by tensorflow-datasets in DIR: 45,000 training images,
5,000 held out.
Result: see README.md beside this file.
"""

from keras_elastic.conditional import BasisNetRecipe

recipe = BasisNetRecipe(
    name="basisnet_cifar10",
    network="children",
    # 2.6 and 6.7 M multiply-adds.
    light={
        "entry": "bignas_cifar10",
        "genes": {
            "resolution": 24,
            "width": (16, 16, 24, 40, 80, 320),
            "depth": (1, 1, 1, 1),
            "kernel_size": (3, 3, 3, 3),
            "expand_ratio": (1, 4, 4, 4),
        },
    },
    specialist={
        "entry": "bignas_cifar10",
        "genes": {
            "resolution": 28,
            "width": (16, 16, 24, 40, 80, 320),
            "depth": (1, 2, 2, 2),
            "kernel_size": (3, 3, 5, 5),
            "expand_ratio": (1, 4, 4, 4),
        },
    },
    num_bases=8,
    # A softmax of eight takes an eighth of SGD's step; see README.md.
    activation="sigmoid",
    noise=0.1,
    # All residual blocks but the first.
    first_basis_block=2,
    last_basis_block=7,
    dataset="cifar10",
    augmentation="shift_flip",
    patch_size=32,
    teacher="bignas_cifar10",
    batch_size=128,
    epochs=2,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.02,
    warmup_epochs=0.1,
    weight_decay=1e-4,
    clip_norm=5.0,
    label_smoothing=0.0,
)

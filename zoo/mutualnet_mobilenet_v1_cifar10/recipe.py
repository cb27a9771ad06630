r"""MutualNet at the size of CIFAR-10: a narrow MobileNet v1 of any width.

Paper: MutualNet (Yang et al., ECCV 2020), sections 3 and 4.1. Different: images
of 32 pixels at four resolutions down to 20, a network that divides them by 8
instead of 32, 15 to 35 % of its width, shifts and flips, fewer epochs, and one
random subnet a step instead of two, which leaves time for more of them.

Command:
    python train.py --recipe=mutualnet_mobilenet_v1_cifar10 --data_dir=DIR
Data: cifar10, prepared by tensorflow-datasets in DIR.
Result: see README.md beside this file. `benchmarks/mutual.py` compares it with
US-Net.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="mutualnet_mobilenet_v1_cifar10",
    family="mobilenet_v1",
    family_changes={
        "resolution": (20, 24, 28, 32),
        "width": (15, 20, 25, 30, 35),
        "total_strides": 8,
    },
    dataset="cifar10",
    augmentation="shift_flip",
    patch_size=32,
    sampler="mutual",
    num_random=1,
    batch_size=128,
    epochs=12,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.1,
    warmup_epochs=1.0,
    weight_decay=5e-4,
    decayed="dense_kernels",
    clip_norm=5.0,
    budgets=(3e6, 6e6, 10e6, 16e6, 24e6),
    seed=0,
)

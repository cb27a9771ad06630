"""Once-for-All's ResNet at the size of CIFAR-10, trained on two CPU cores.

Paper: Once-for-All (Cai et al., ICLR 2020) for the space, which is that of the
release: depth, width of a stage, bottleneck of a block, resolution. BigNAS (Yu
et al., ECCV 2020) for the training: one stage, in place, instead of progressive
shrinking. Reduced: images of 32 pixels, which the network divides by 8 instead
of 32, three stages of a quarter of the channels, a stem of 24, and one random
subnet a step.

Command: python train.py --recipe=ofa_resnet50_cifar10 --data_dir=DIR
Data: cifar10, prepared by tensorflow-datasets in DIR.
Result: see README.md beside this file.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="ofa_resnet50_cifar10",
    family="ofa_resnet50",
    family_changes={
        "resolution": (24, 28, 32),
        "stem": 24,
        "channels": (64, 128, 256),
        "depth": (1, 1, 1),
        "total_strides": 8,
    },
    dataset="cifar10",
    augmentation="shift_flip",
    patch_size=32,
    num_random=1,
    batch_size=128,
    epochs=7,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.1,
    warmup_epochs=1.0,
    weight_decay=5e-4,
    decayed="dense_kernels",
    clip_norm=5.0,
    budgets=(3e6, 6e6, 10e6, 16e6, 26e6),
    seed=0,
)

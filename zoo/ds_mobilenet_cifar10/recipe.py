"""A small DS-MBNet on CIFAR-10, from 0.6 to 5.8 M multiply-adds.

Paper: Dynamic Slimmable Network (Li et al., CVPR 2021), at the size of two
CPU cores: 5 widths, a stem of stride 2, one gate. Different: the gate learns
from 5,000 images that the supernet has not seen.

Command: python train.py --recipe=ds_mobilenet_cifar10 --data_dir=DIR
Data: cifar10, prepared by tensorflow-datasets in DIR: 45,000 training images,
5,000 held out.
Result: see README.md beside this file.
"""

from keras_elastic.conditional import DSNetRecipe
from keras_elastic.conditional.dsnet.families import Row

recipe = DSNetRecipe(
    name="ds_mobilenet_cifar10",
    family="ds_mobilenet_cifar10",
    # The narrowest is a tenth of the widest: else there is little to choose.
    family_changes={
        "stages": (
            Row(24, 0, 32),
            Row(40, 0, 56, depth=2, strides=2),
            Row(16, 32, 160, depth=3),
            Row(32, 64, 320, depth=2, strides=2),
        ),
    },
    dataset="cifar10",
    augmentation="shift_flip",
    patch_size=32,
    objective="ensemble_bootstrapping",
    ema_momentum=0.99,
    batch_size=128,
    epochs=6,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.1,
    warmup_epochs=1.0,
    weight_decay=1e-4,
    label_smoothing=0.0,
    budgets=(2e6,),
    windows=("all",),
    gate_epochs=5,
    gate_learning_rate=0.05,
    gate_images=5000,
)

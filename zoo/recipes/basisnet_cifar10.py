"""A small BasisNet on 10,000 images of CIFAR-10.

Paper: BasisNet (Zhang et al., 2021), at the size of two CPU cores: MobileNet
v2 at 35 % width, 8 bases, and a light network of that width at 16 pixels.

Command: python train.py --recipe=basisnet_cifar10 --data_dir=DIR
Data: cifar10, prepared by tensorflow-datasets in DIR; 10,000 training images,
of which a tenth is held out.
"""

from keras_elastic.training import BasisNetRecipe

recipe = BasisNetRecipe(
    name="basisnet_cifar10",
    network="basisnet_mobilenet_v2",
    resolution=32,
    width=35,
    light_resolution=16,
    light_width=35,
    num_bases=8,
    dropout=0.0,
    dataset="cifar10",
    limit=10_000,
    augmentation="shift_flip",
    patch_size=32,
    batch_size=64,
    epochs=10,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.1,
    warmup_epochs=1.0,
    weight_decay=1e-4,
    clip_norm=5.0,
    label_smoothing=0.0,
    basis_dropout=1 / 8,
    preheat_epochs=1.0,
    preheat_decay_epochs=3.0,
)

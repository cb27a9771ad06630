"""A small DS-MBNet on 10,000 images of CIFAR-10.

Paper: Dynamic Slimmable Network (Li et al., CVPR 2021), at the size of two
CPU cores: 5 widths, a stem of stride 2, one gate.

Command: python train.py --recipe=ds_mobilenet_cifar10 --data_dir=DIR
Data: cifar10, prepared by tensorflow-datasets in DIR; 10,000 training images,
of which a tenth is held out.
"""

from keras_elastic.conditional import DSNetRecipe

recipe = DSNetRecipe(
    name="ds_mobilenet_cifar10",
    family="ds_mobilenet_cifar10",
    dataset="cifar10",
    limit=10_000,
    augmentation="shift_flip",
    patch_size=32,
    objective="ensemble_bootstrapping",
    ema_momentum=0.99,
    batch_size=64,
    epochs=8,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.1,
    warmup_epochs=1.0,
    weight_decay=1e-4,
    label_smoothing=0.0,
    budgets=(2e6,),
    windows=("all",),
    gate_epochs=3,
    gate_learning_rate=0.05,
)

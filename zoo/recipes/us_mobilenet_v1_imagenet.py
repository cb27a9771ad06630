"""Universally Slimmable MobileNet v1 on ImageNet, MutualNet's baseline.

Paper: Universally Slimmable Networks (Yu and Huang, ICCV 2019), section 4, and
the release, with in-place distillation as in the paper.

Command: python train.py --recipe=us_mobilenet_v1_imagenet --data_dir=DIR \
    --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 250 epochs of a sandwich of four. Not run here.
Published result: 71.8 % at 569 M, 64.2 % at 150 M, 55.7 % at 41 M
multiply-adds.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="us_mobilenet_v1_imagenet",
    family="mobilenet_v1",
    # One resolution, and any width.
    family_changes={"resolution": (224,), "width": tuple(range(25, 101))},
    dataset="imagenet2012",
    augmentation="jitter_flip",
    patch_size=224,
    evaluation_crop=0.875,
    batch_size=1024,
    epochs=250,
    optimizer="sgd",
    schedule="linear",
    learning_rate=0.5,
    warmup_epochs=0.0,
    weight_decay=1e-4,
    decayed="dense_kernels",
    label_smoothing=0.0,
    budgets=(569e6, 326e6, 150e6, 42e6),
)

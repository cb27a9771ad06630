"""Universally Slimmable MobileNet v2 on ImageNet.

Paper: Universally Slimmable Networks (Yu and Huang, ICCV 2019), section 4, and
the release, with in-place distillation as in the paper.

Command: python train.py --recipe=us_mobilenet_v2_imagenet --data_dir=DIR \
    --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 250 epochs of a sandwich of four. Not run here.
Published result: 71.5 % at 300 M, 69.6 % at 209 M, 65.1 % at 97 M, 62.3 % at
59 M multiply-adds.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="us_mobilenet_v2_imagenet",
    family="mobilenet_v2",
    # One resolution, any width from 35 %, and no gamma that begins at zero.
    family_changes={
        "resolution": (224,),
        "width": tuple(range(35, 101)),
        "zero_gamma": False,
    },
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
    budgets=(301e6, 210e6, 100e6),
)

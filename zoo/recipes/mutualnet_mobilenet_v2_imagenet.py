"""MutualNet on ImageNet: MobileNet v2 of widths from 70 % at four resolutions.

Paper: MutualNet (Yang et al., ECCV 2020), sections 3 and 4.1, and the release,
whose widths these are; the gammas begin at one, as in US-Net's.

Command: python train.py --recipe=mutualnet_mobilenet_v2_imagenet \
    --data_dir=DIR --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 250 epochs of a sandwich of four. The release used 8 GPUs. Not run here.
Published result: 72.9 % at 300 M, 71.0 % at 187 M, 64.2 % at 57 M
multiply-adds.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="mutualnet_mobilenet_v2_imagenet",
    family="mobilenet_v2",
    # Any width, of which every fifth is in the query table.
    family_changes={
        "width": tuple(range(70, 101)),
        "resize": "bilinear",
        "zero_gamma": False,
    },
    table_levels=7,
    dataset="imagenet2012",
    augmentation="jitter_flip",
    patch_size=224,
    evaluation_crop=0.875,
    sampler="mutual",
    batch_size=1024,
    epochs=250,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.5,
    warmup_epochs=0.0,
    weight_decay=1e-4,
    decayed="dense_kernels",
    label_smoothing=0.0,
    budgets=(301e6, 200e6, 100e6, 58e6),
)

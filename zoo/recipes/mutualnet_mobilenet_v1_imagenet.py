"""MutualNet on ImageNet: MobileNet v1 of any width at four resolutions.

Paper: MutualNet (Yang et al., ECCV 2020), sections 3 and 4.1, and the release.
With --sampler=mutual_all the largest draws its resolution, too, which the paper
found worse.

Command: python train.py --recipe=mutualnet_mobilenet_v1_imagenet \
    --data_dir=DIR --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 250 epochs of a sandwich of four. The release used 8 GPUs. Not run here.
Published result: 72.4 % at 569 M, 67.7 % at 215 M, 50.1 % at 21 M
multiply-adds.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="mutualnet_mobilenet_v1_imagenet",
    family="mobilenet_v1",
    # Any width, of which every fifth is in the query table.
    family_changes={"width": tuple(range(25, 101)), "resize": "bilinear"},
    table_levels=16,
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
    budgets=(570e6, 220e6, 80e6, 22e6),
)

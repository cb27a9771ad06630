"""MutualNet on ImageNet: MobileNet v1 scaled up, to widths of 200 %.

Paper: MutualNet (Yang et al., ECCV 2020), section 4: widths of [1, 2] at 224 to
320 pixels, against the compound scaling of EfficientNet. The optimization is
not printed; it is that of MobileNet v1.

Command: python train.py --recipe=mutualnet_mobilenet_v1_wide_imagenet \
    --data_dir=DIR --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 250 epochs of a sandwich of four, the largest of 4.5 G multiply-adds. Not
run here.
Published result: 77.1 % at 2.3 G multiply-adds (160 % at 288 pixels).
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="mutualnet_mobilenet_v1_wide_imagenet",
    family="mobilenet_v1_wide",
    # Any width, of which every fifth is in the query table.
    family_changes={"width": tuple(range(100, 201)), "resize": "bilinear"},
    table_levels=21,
    dataset="imagenet2012",
    augmentation="jitter_flip",
    patch_size=320,
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
    budgets=(0.6e9, 1.2e9, 2.4e9, 4.6e9),
)

"""MutualNet on ImageNet: VGG-16, the backbone of the paper's detectors.

Paper: MutualNet (Yang et al., ECCV 2020), section 4: batch 512, learning rate
0.01 with a cosine to zero, 100 epochs. Weight decay is that of MobileNet v1.
Different: the map is averaged before the fully connected layers, which lets
them read any resolution.

Command: python train.py --recipe=mutualnet_vgg16_imagenet \
    --data_dir=DIR --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 100 epochs of a sandwich of four, the largest of 15.4 G multiply-adds. Not
run here.
Published result: none of its classifier.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="mutualnet_vgg16_imagenet",
    family="vgg16_pooled",
    # Any width, of which every fifth is in the query table.
    family_changes={"width": tuple(range(25, 101)), "resize": "bilinear"},
    table_levels=16,
    dataset="imagenet2012",
    augmentation="crop_flip",
    patch_size=224,
    evaluation_crop=0.875,
    sampler="mutual",
    batch_size=512,
    epochs=100,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.01,
    warmup_epochs=0.0,
    weight_decay=1e-4,
    label_smoothing=0.0,
    budgets=(1e9, 4e9, 8e9, 15.5e9),
)

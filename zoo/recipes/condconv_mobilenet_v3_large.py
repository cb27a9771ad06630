"""CondConv of MobileNet v3 on ImageNet, to compare a BasisNet with.

Papers: CondConv (Yang et al., NeurIPS 2019), section 3; BasisNet (Zhang et al.,
2021), section 4.5, which compares the two with bases in the last five blocks.
Neither prints how this network was trained: the numbers are those of the
recipe of BasisNet's MobileNet v3 without what is of its two stages, so that
the comparison is one at equal training.

Command: python train.py --recipe=condconv_mobilenet_v3_large --data_dir=DIR \
    --strategy=mirrored --teacher=TEACHER.keras
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: that of 5,115 epochs on 8x8 TPUs in BasisNet's paper. Not run here.
Published result: none for this network; 78.3 % at 413 M multiply-adds for
CondConv-EfficientNet-B0 with eight experts.
"""

from keras_elastic.conditional import CondConvRecipe

recipe = CondConvRecipe(
    name="condconv_mobilenet_v3_large",
    network="condconv_mobilenet_v3_large",
    num_bases=16,
    dataset="imagenet2012",
    augmentation="auto_augment",
    patch_size=224,
    evaluation_crop=0.875,
    batch_size=16384,
    epochs=5115,
    learning_rate=0.006,
    warmup_epochs=20.0,
    decay_epochs=4.5,
    decay_rate=0.99,
    ending=0.0,
    weight_decay=1e-5,
    clip_norm=0.1,
    ema_momentum=0.9999,
)

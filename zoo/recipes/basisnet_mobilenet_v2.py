"""BasisNet of MobileNet v2 on ImageNet.

Paper: BasisNet (Zhang et al., 2021), section 4.1 and the supplement: as that
of MobileNet v3, but a decay every 6 epochs, no clipping, and a teacher
(EfficientNet-B2, noisy student) for the specialist only; the light network
learns from hard labels. Pass a .keras file by --teacher.

Command: python train.py --recipe=basisnet_mobilenet_v2 --data_dir=DIR \
    --strategy=mirrored --teacher=TEACHER.keras
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: the paper used 8x8 TPUs. Not run here.
Published result: 78.1 % at a resolution of 224, 75.9 % without a teacher.
"""

from keras_elastic.conditional import BasisNetRecipe

recipe = BasisNetRecipe(
    name="basisnet_mobilenet_v2",
    network="basisnet_mobilenet_v2",
    dataset="imagenet2012",
    augmentation="auto_augment",
    patch_size=224,
    evaluation_crop=0.875,
    batch_size=16384,
    epochs=5115,
    learning_rate=0.006,
    warmup_epochs=20.0,
    decay_epochs=6.0,
    decay_rate=0.99,
    ending=0.0,
    weight_decay=1e-5,
    ema_momentum=0.9999,
    basis_dropout=1 / 8,
    preheat_epochs=128.0,
    preheat_decay_epochs=511.0,
    taught="specialist",
    light_hard_labels=True,
)

"""BasisNet of MobileNet v3 on ImageNet.

Paper: BasisNet (Zhang et al., 2021), section 4.1 and the supplement: batch
16,384, learning rate 0.006, 400,000 steps (5,115 epochs), decay by 0.99 every
4.5 epochs, gradients clipped at a norm of 0.1, moving average 0.9999. Bases
count alike for 10,000 steps (128 epochs), which fades over 40,000 (511). The
paper's teacher is EfficientNet-B2 (noisy student), for both stages: pass a
.keras file by --teacher. Different: the patch has 224 pixels for both stages.

Command: python train.py --recipe=basisnet_mobilenet_v3 --data_dir=DIR \
    --strategy=mirrored --teacher=TEACHER.keras
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: the paper used 8x8 TPUs. Not run here.
Published result: 80.3 % at 290 M multiply-adds with the light network at 224,
and 80.0 % at 198 M with an early exit.
"""

from keras_elastic.conditional import BasisNetRecipe

recipe = BasisNetRecipe(
    name="basisnet_mobilenet_v3",
    network="basisnet_mobilenet_v3",
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
    basis_dropout=1 / 16,
    preheat_epochs=128.0,
    preheat_decay_epochs=511.0,
    taught="both",
)

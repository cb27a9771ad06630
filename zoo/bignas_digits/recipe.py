"""BigNAS at the size of the digits: what README's first command trains.

Paper: BigNAS (Yu et al., ECCV 2020). Reduced: 8-pixel scans instead of
ImageNet, three stages instead of seven, no AutoAugment.

Command: python train.py
Cost: about four minutes on two CPU cores.
Result: see README.md beside this file.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="bignas_digits",
    family="bignas_digits",
    dataset="digits",
    augmentation="shift",
    patch_size=8,
    upscale=True,
    batch_size=64,
    epochs=60,
    learning_rate=0.03,
    decay_epochs=0.7,
    warmup_epochs=3,
    budgets=(0.2e6, 0.6e6, 1.5e6),
    seed=1,
)

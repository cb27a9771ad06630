"""BigNAS on Tiny ImageNet: the full space at the resolutions 96 to 192.

Paper: BigNAS (Yu et al., ECCV 2020), Table 1 and section 3.2. Different: 200
classes of 64-pixel images, which the smaller resolutions suit, fewer epochs,
random crops instead of AutoAugment, and a batch and learning rate that one
accelerator holds (0.016 for each 256 images, as in the paper's 0.256 for
4096).

Command: python train.py --recipe=bignas --data_dir=DIR
Cost: not measured; out of reach of a CPU.
Result: none yet; the entry has no trained weights.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="bignas",
    family="bignas",
    family_changes={"resolution": (96, 128, 160, 192)},
    dataset="tiny_imagenet200",
    augmentation="crop_flip",
    patch_size=128,
    upscale=True,
    batch_size=512,
    epochs=90,
    learning_rate=0.032,
    budgets=(100e6, 200e6, 400e6),
)

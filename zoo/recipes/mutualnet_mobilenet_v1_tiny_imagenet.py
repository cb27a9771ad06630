r"""MutualNet on Tiny ImageNet: MobileNet v1 of any width at four resolutions.

Paper: MutualNet (Yang et al., ECCV 2020), sections 3 and 4.1. Different: 200
classes of 64-pixel images, which the smaller resolutions suit, crops instead
of color jitter, fewer epochs, and the paper's learning rate for half of its
batch.

Command:
    python train.py --recipe=mutualnet_mobilenet_v1_tiny_imagenet \
        --data_dir=DIR
Cost: not measured; out of reach of a CPU.
Result: none yet; nobody has trained it here.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="mutualnet_mobilenet_v1_tiny_imagenet",
    family="mobilenet_v1",
    # Any width, of which every fifth is in the query table.
    family_changes={
        "resolution": (96, 128, 160, 192),
        "width": tuple(range(25, 101)),
        "resize": "bilinear",
    },
    table_levels=16,
    dataset="tiny_imagenet200",
    augmentation="crop_flip",
    patch_size=128,
    upscale=True,
    sampler="mutual",
    batch_size=512,
    epochs=100,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.25,
    warmup_epochs=0.0,
    weight_decay=1e-4,
    decayed="dense_kernels",
    label_smoothing=0.0,
    budgets=(20e6, 80e6, 200e6, 400e6),
)

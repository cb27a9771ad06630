"""Once-for-All on Tiny ImageNet: progressive shrinking of MobileNet v3.

Paper: Once-for-All (Cai et al., ICLR 2020), section 3.3, and the release:
its phases, with a fifth of their epochs, and its learning rates for a quarter
of its batch. Different: 200 classes of 64-pixel images at four of the smaller
resolutions, which each subnet of a step draws for itself.

Command: python train.py --recipe=ofa_mobilenet_v3_tiny_imagenet --data_dir=DIR
Cost: not measured; out of reach of a CPU.
Result: none yet; nobody has trained it here.
"""

from keras_elastic.training import Recipe

FULL = {"depth": 1, "expand_ratio": 1, "kernel_size": 1}
TAUGHT = {"teacher": "phase:teacher"}

recipe = Recipe(
    name="ofa_mobilenet_v3_tiny_imagenet",
    family="ofa_mobilenet_v3",
    family_changes={"resolution": (96, 128, 160, 192)},
    dataset="tiny_imagenet200",
    augmentation="crop_flip",
    patch_size=128,
    upscale=True,
    batch_size=512,
    # Of the phases; see there.
    epochs=121,
    learning_rate=0.24,
    sampler="random",
    objective="supervised",
    optimizer="sgd",
    schedule="cosine",
    weight_decay=3e-5,
    phases=(
        {
            "name": "teacher",
            "keep_largest": FULL,
            "num_random": 1,
            "epochs": 36,
            "learning_rate": 0.65,
        },
        {
            "name": "kernel",
            "keep_largest": {"depth": 1, "expand_ratio": 1},
            "num_random": 1,
            "epochs": 25,
            "learning_rate": 0.24,
            **TAUGHT,
        },
        {
            "name": "depth_1",
            "keep_largest": {"depth": 2, "expand_ratio": 1},
            "num_random": 2,
            "epochs": 5,
            "learning_rate": 0.02,
            "warmup_epochs": 0,
            **TAUGHT,
        },
        {
            "name": "depth_2",
            "keep_largest": {"expand_ratio": 1},
            "num_random": 2,
            "epochs": 25,
            "learning_rate": 0.06,
            **TAUGHT,
        },
        {
            "name": "width_1",
            "keep_largest": {"expand_ratio": 2},
            "sort_channels": True,
            "num_random": 4,
            "epochs": 5,
            "learning_rate": 0.02,
            "warmup_epochs": 0,
            **TAUGHT,
        },
        {
            "name": "width_2",
            "sort_channels": True,
            "num_random": 4,
            "epochs": 25,
            "learning_rate": 0.06,
            **TAUGHT,
        },
    ),
    budgets=(50e6, 100e6, 200e6),
    mutants=200,
)

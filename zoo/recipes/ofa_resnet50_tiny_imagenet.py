"""Once-for-All on Tiny ImageNet: progressive shrinking of ResNet-50.

Paper: Once-for-All (Cai et al., ICLR 2020), section 3.3; the space is that of
the release. Neither prints the phases of ResNet-50: as those of MobileNet v3
they take depth before width, without the kernels, of which there is one; their
epochs and learning rates are this recipe's own. Different, too: 200 classes of
64-pixel images at four of the smaller resolutions, which each subnet of a step
draws for itself.

Command: python train.py --recipe=ofa_resnet50_tiny_imagenet --data_dir=DIR
Cost: not measured; out of reach of a CPU.
Result: none yet; nobody has trained it here.
"""

from keras_elastic.training import Recipe

TAUGHT = {"teacher": "phase:teacher"}

recipe = Recipe(
    name="ofa_resnet50_tiny_imagenet",
    family="ofa_resnet50",
    family_changes={"resolution": (96, 128, 160, 192)},
    dataset="tiny_imagenet200",
    augmentation="crop_flip",
    patch_size=128,
    upscale=True,
    batch_size=256,
    # Of the phases; see there.
    epochs=85,
    learning_rate=0.03,
    sampler="random",
    objective="supervised",
    optimizer="sgd",
    schedule="cosine",
    weight_decay=1e-4,
    decayed="dense_kernels",
    phases=(
        {
            "name": "teacher",
            "keep_largest": {"depth": 1, "expand_ratio": 1, "width": 1},
            "num_random": 1,
            "epochs": 45,
            "learning_rate": 0.1,
        },
        {
            "name": "depth",
            "keep_largest": {"expand_ratio": 1, "width": 1},
            "num_random": 2,
            "epochs": 20,
            "learning_rate": 0.03,
            **TAUGHT,
        },
        {
            "name": "width",
            "sort_channels": True,
            "num_random": 4,
            "epochs": 20,
            "learning_rate": 0.03,
            **TAUGHT,
        },
    ),
    budgets=(500e6, 1e9, 2e9),
    mutants=100,
)

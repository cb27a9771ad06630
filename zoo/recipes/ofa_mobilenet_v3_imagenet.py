"""Once-for-All on ImageNet: progressive shrinking of MobileNet v3.

Paper: Once-for-All (Cai et al., ICLR 2020), section 3.3, and the release, whose
learning rates for 32 GPUs of 64 images these are. The teacher's schedule is
not printed. Different: each subnet of a step draws its own resolution (the
release draws one a batch), and colors are jittered as in US-Net.

Command: python train.py --recipe=ofa_mobilenet_v3_imagenet --data_dir=DIR \
    --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 180 epochs of the teacher and 425 of the phases, with one to four subnets
a step and the teacher's forward pass. Not run here.
Published result: 76.0 % at 230 M multiply-adds without fine-tuning.
"""

from keras_elastic.training import Recipe

FULL = {"depth": 1, "expand_ratio": 1, "kernel_size": 1}
TAUGHT = {"teacher": "phase:teacher"}

recipe = Recipe(
    name="ofa_mobilenet_v3_imagenet",
    family="ofa_mobilenet_v3",
    dataset="imagenet2012",
    augmentation="jitter_flip",
    patch_size=224,
    evaluation_crop=0.875,
    batch_size=2048,
    # Of the phases; see there.
    epochs=605,
    learning_rate=0.96,
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
            "epochs": 180,
            "learning_rate": 2.6,
        },
        {
            "name": "kernel",
            "keep_largest": {"depth": 1, "expand_ratio": 1},
            "num_random": 1,
            "epochs": 125,
            "learning_rate": 0.96,
            **TAUGHT,
        },
        {
            "name": "depth_1",
            "keep_largest": {"depth": 2, "expand_ratio": 1},
            "num_random": 2,
            "epochs": 25,
            "learning_rate": 0.08,
            "warmup_epochs": 0,
            **TAUGHT,
        },
        {
            "name": "depth_2",
            "keep_largest": {"expand_ratio": 1},
            "num_random": 2,
            "epochs": 125,
            "learning_rate": 0.24,
            **TAUGHT,
        },
        {
            "name": "width_1",
            "keep_largest": {"expand_ratio": 2},
            "sort_channels": True,
            "num_random": 4,
            "epochs": 25,
            "learning_rate": 0.08,
            "warmup_epochs": 0,
            **TAUGHT,
        },
        {
            "name": "width_2",
            "sort_channels": True,
            "num_random": 4,
            "epochs": 125,
            "learning_rate": 0.24,
            **TAUGHT,
        },
    ),
    budgets=(150e6, 230e6, 390e6),
    mutants=200,
)

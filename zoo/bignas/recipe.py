r"""BigNAS on Tiny ImageNet, from the ImageNet weights of EfficientNet-Lite0.

Paper: BigNAS (Yu et al., ECCV 2020), sections 3.1 and 3.2. Different: the space
is that of Lite0's kind (`bignas_lite`), whose weights it begins with; one
random subnet a step instead of two; all subnets of a step have one resolution,
which is drawn anew each step, so that the largest is trained at each of them;
SGD with cosine, shifts and flips. It was trained on two CPU cores in the time
there was: 5,200 steps, less than four epochs. The second phase leaves the least
expansion out, the third the narrow widths, too, and adds resolutions: the
networks that the budgets choose have none of them. In the fourth the largest
network of the third teaches, at 192 pixels.

Command: pip install -e ".[imagenet]" && \
    python train.py --recipe=bignas --data_dir=DIR
Data: tiny_imagenet200 in TFDS form in DIR: 100,000 images of 64 pixels.
Result: see README.md beside this file.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="bignas",
    family="bignas_lite",
    family_changes={"dropout": 0.1},
    initial="imagenet:efficientnet_lite0",
    dataset="tiny_imagenet200",
    augmentation="shift_flip",
    # The images' own size: each network enlarges them to its resolution.
    patch_size=64,
    upscale=True,
    training_resolutions=(64, 96, 128, 160),
    same_resolution=True,
    num_random=1,
    batch_size=64,
    # Of the phases, which are a part of one each.
    epochs=6,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.02,
    warmup_epochs=0.05,
    weight_decay=4e-5,
    decayed="dense_kernels",
    clip_norm=5.0,
    phases=(
        {
            "name": "all",
            "sort_channels": True,
            "epochs": 1,
            "steps_per_epoch": 900,
        },
        {
            "name": "large",
            "keep_largest": {"expand_ratio": 2},
            "epochs": 1,
            "steps_per_epoch": 700,
            # Other images first, in another order.
            "seed": 1,
        },
        {
            "name": "wide",
            "keep_largest": {"width": 1, "expand_ratio": 2},
            "training_resolutions": (64, 80, 96, 112, 128, 160, 192),
            "epochs": 2,
            "steps_per_epoch": 1000,
            "seed": 2,
        },
        {
            "name": "taught",
            "keep_largest": {"width": 1, "expand_ratio": 2},
            "training_resolutions": (64, 96, 112, 160),
            # All learn from the largest at 192 pixels, which sees far more
            # than they do at 64, and from the labels.
            "objective": "supervised",
            "teacher": "phase:wide",
            "teacher_weight": 3.0,
            # More of it is better at 64 pixels, less at 160 and 192.
            "interpolation": 0.6,
            "learning_rate": 0.01,
            "epochs": 2,
            "steps_per_epoch": 800,
            "seed": 3,
        },
    ),
    budgets=(25e6, 50e6, 100e6, 200e6, 400e6),
    # 2,012 images for each of some 80 candidates: a search takes a quarter of
    # an hour of two cores, where all would take half a day.
    selection_images=1500,
    calibration_images=512,
    band=0.08,
    mutants=10,
)

"""BigNAS on ImageNet, as published.

Paper: BigNAS (Yu et al., ECCV 2020), Table 1 and section 3. Batch 4096, 360
epochs, label smoothing and 5 epochs of warm-up are not printed there; they are
EfficientNet's, from whose recipe the printed numbers come.

Command: python train.py --recipe=bignas_imagenet --data_dir=DIR --strategy=tpu
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 360 epochs of a sandwich of four. Not run here.
Published result: 76.5 % at 242 M, 78.9 % at 418 M, 79.5 % at 586 M, 80.9 % at
1040 M multiply-adds.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="bignas_imagenet",
    family="bignas",
    dataset="imagenet2012",
    augmentation="auto_augment",
    patch_size=224,
    evaluation_crop=0.875,
    # The patch is enlarged for the subnets of 288 and 320 pixels.
    upscale=True,
    # 256 pixels are left out, and selected among nonetheless.
    training_resolutions=(192, 224, 288, 320),
    batch_size=4096,
    epochs=360,
    learning_rate=0.256,
    # As TensorFlow's RMSProp, which the paper trained with.
    initial_accumulator=1.0,
    budgets=(250e6, 420e6, 590e6, 1040e6),
    mutants=200,
)

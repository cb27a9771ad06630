"""DS-EffNet-B0 on ImageNet: the slice-able network, then its gate.

Paper: Dynamic Slimmable Network (Li et al., CVPR 2021), sections 4 and 5:
batch 512, learning rate 0.2, 150 epochs; the gate 10 epochs at 0.05.
Different: affine weights are those of the widest, and statistics are measured
after training, for each width.

Command: python train.py --recipe=ds_efficientnet_imagenet --data_dir=DIR \
    --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 150 epochs of a sandwich of four and three forward passes of the averaged
weights, and 10 of the gates. The release used 8 GPUs. Not run here.
Published result: 76.7 % at 400 M and 75.4 % at 270 M
multiply-adds.
"""

from keras_elastic.conditional import DSNetRecipe

recipe = DSNetRecipe(
    name="ds_efficientnet_imagenet",
    family="ds_efficientnet",
    dataset="imagenet2012",
    augmentation="rand_augment_erase",
    patch_size=224,
    objective="ensemble_bootstrapping",
    ema_momentum=0.997,
    batch_size=512,
    epochs=150,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.2,
    weight_decay=1e-4,
    label_smoothing=0.0,
    budgets=(200e6, 270e6, 400e6, 700e6),
    gate_epochs=10,
    gate_learning_rate=0.05,
    windows=("S", "L"),
)

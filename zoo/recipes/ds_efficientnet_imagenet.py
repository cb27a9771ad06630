"""DS-EffNet-B0 on ImageNet: the slice-able network, then its gate.

Paper: Dynamic Slimmable Network (Li et al., CVPR 2021), sections 4 and 5 and
the supplement: batch 512, SGD, learning rate 0.2, 150 epochs, AutoAugment,
neither label smoothing nor drop path; the first eight blocks at 0.5, the others
at 0.75 to 1.75 by steps of one size; the gate 10 epochs at 0.05, with attention
that begins as the identity, and without weight decay. Of the release: the
moving average's momentum, 0.997. Different: affine weights are those of the
widest, and statistics are measured after training, for each width.

The paper prints no windows for DS-EffNet. These are four widths each, as in
DS-MBNet-S, around the published averages: 227.7 to 293.2 M, and 343.1 to
427.0 M multiply-adds.

Command: python train.py --recipe=ds_efficientnet_imagenet --data_dir=DIR \
    --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 150 epochs of a sandwich of four and three forward passes of the averaged
weights, and 10 of the gates. The release used 8 GPUs. Not run here.
Published result: 75.4 % at 270 M (S) and 76.7 % at 400 M (L) multiply-adds.
"""

from keras_elastic.conditional import DSNetRecipe

recipe = DSNetRecipe(
    name="ds_efficientnet_imagenet",
    family="ds_efficientnet_b0",
    family_changes={"attention": "one_plus_tanh"},
    dataset="imagenet2012",
    augmentation="auto_augment",
    patch_size=224,
    evaluation_crop=0.875,
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
    windows=("85-100", "110-125"),
)

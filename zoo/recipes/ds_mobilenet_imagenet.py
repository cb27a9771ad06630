"""DS-MBNet on ImageNet: the slice-able network, then its gate.

Paper: Dynamic Slimmable Network (Li et al., CVPR 2021), sections 4 and 5 and
the supplement: batch 512, SGD, 150 epochs, AutoAugment, neither label smoothing
nor drop path; the ensemble teaches the slimmest, which the release leaves out
where it normalizes by batches; attention that begins as the identity.

Of the release, because the paper prints no others for DS-MBNet: learning rate
0.08, five epochs of warm-up, dropout 0.2, the moving average's momentum 0.997,
the gate 30 epochs at 0.08. The release differs from the supplement in smoothing
(0.1), augmentation (RandAugment with erasing) and attention (a sigmoid). To
train as it does, pass --label_smoothing=0.1 --augmentation=rand_augment_erase,
and leave `family_changes` out in a copy of this file.

Command: python train.py --recipe=ds_mobilenet_imagenet --data_dir=DIR \
    --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 150 epochs of a sandwich of four and three forward passes of the averaged
weights, and 30 of the gates. The release used 8 GPUs. Not run here.
Published result: 70.1 % at 153 M (S), 72.8 % at 319 M (M), 74.5 % at 565 M (L)
multiply-adds.
"""

from keras_elastic.conditional import DSNetRecipe

recipe = DSNetRecipe(
    name="ds_mobilenet_imagenet",
    family="ds_mobilenet",
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
    learning_rate=0.08,
    weight_decay=1e-4,
    label_smoothing=0.0,
    budgets=(153e6, 319e6, 565e6),
    gate_epochs=30,
    gate_learning_rate=0.08,
)

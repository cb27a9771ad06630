"""AlphaNet on ImageNet: AttentiveNAS's space, another divergence.

Paper: AlphaNet (Wang et al., ICML 2021), sections 3 and 4, and the release.

Command: python train.py --recipe=alphanet_imagenet --data_dir=DIR \
    --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 360 epochs of a sandwich of four. The release used 64 GPUs. Not run here.
Published result: 77.87 % at 203 M, 79.20 % at 317 M, 80.01 % at 444 M, 80.78 %
at 709 M multiply-adds.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="alphanet_imagenet",
    family="attentivenas",
    dataset="imagenet2012",
    augmentation="auto_augment",
    patch_size=224,
    evaluation_crop=0.875,
    upscale=True,
    divergence="alpha",
    batch_size=2048,
    epochs=360,
    optimizer="sgd",
    schedule="cosine",
    learning_rate=0.8,
    clip_value=1.0,
    # Of the largest subnet, in its last two stages.
    drop_path=0.2,
    drop_path_stages=2,
    budgets=(210e6, 320e6, 450e6, 710e6),
    mutants=200,
)

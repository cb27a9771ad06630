"""AttentiveNAS (BestUp-3) on ImageNet.

Paper: AttentiveNAS (Wang et al., CVPR 2021), section 4, and the release.
Different: candidates near a target of multiply-adds are the nearest of random
ones.

Command: python train.py --recipe=attentivenas_imagenet --data_dir=DIR \
    --strategy=mirrored
Data: imagenet2012, prepared by tensorflow-datasets in DIR.
Cost: 360 epochs of a sandwich of four and six candidates' forward passes. The
release used 64 GPUs. Not run here.
Published result: 77.3 % at 203 M, 78.8 % at 317 M, 79.8 % at 444 M, 80.7 % at
709 M multiply-adds.
"""

from keras_elastic.training import Recipe

recipe = Recipe(
    name="attentivenas_imagenet",
    family="attentivenas",
    dataset="imagenet2012",
    augmentation="auto_augment",
    patch_size=224,
    evaluation_crop=0.875,
    upscale=True,
    sampler="best_up",
    num_candidates=3,
    batch_size=2048,
    epochs=360,
    optimizer="sgd",
    schedule="cosine",
    # 0.1 for each 256 images.
    learning_rate=0.8,
    clip_value=1.0,
    # Of the largest subnet, in its last two stages.
    drop_path=0.2,
    drop_path_stages=2,
    budgets=(210e6, 320e6, 450e6, 710e6),
    mutants=200,
)

"""The networks that the authors of releases report.

Once-for-All: facts of the release (`ofa_specialized`). For each network the
device and the latency that it was found for, its top-1 on ImageNet after its
own fine-tuning (25 or 75 epochs), its resolution, and kernel and expansion of
each block: a digit a block, a word a stage. Of networks that are equal in all
that one is named.

US-Net and MutualNet: width in percent, and for MutualNet resolution, with top-1
on ImageNet in percent, of the tables of the releases. US-Net's other widths are
no whole percents.

References:
- Once-for-All: Train One Network and Specialize it for Efficient Deployment
  (Cai et al., ICLR 2020), and the files of its release.
- Universally Slimmable Networks and Improved Training Techniques (Yu and Huang,
  ICCV 2019), and the README of its release.
- MutualNet (Yang et al., ECCV 2020), and its release.
"""

from typing import NamedTuple

from keras_elastic.spaces import Architecture


class Published(NamedTuple):
    """A network of a release. `top1`: in 0..1, as printed there."""

    name: str
    top1: float
    arch: Architecture


def _read(table, stages):
    """The rows of a table, for stages of at most so many blocks."""
    return tuple(
        Published(
            name,
            round(float(name.split("top1-")[1][:4]) / 100, 4),
            Architecture(
                resolution,
                (),
                tuple(len(stage) for stage in kernels.split()),
                _by_block(kernels, stages),
                _by_block(expansions, stages),
            ),
        )
        for name, resolution, kernels, expansions in table
    )


def _by_block(words, stages):
    """A number for every block; those that are left out have the last."""
    return tuple(
        int(digits[min(index, len(digits) - 1)])
        for digits, most in zip(words.split(), stages, strict=True)
        for index in range(most)
    )


_MOBILENET_V3 = (
    (
        "LG-G8_lat-11ms_top1-73.0_finetune-25",
        156,
        "33 537 53 535 575",
        "33 344 43 443 664",
    ),
    (
        "LG-G8_lat-16ms_top1-74.7_finetune-25",
        176,
        "33 753 555 375 5733",
        "33 433 643 443 6664",
    ),
    (
        "LG-G8_lat-24ms_top1-76.4_finetune-25",
        220,
        "33 753 555 375 5733",
        "33 433 643 443 6664",
    ),
    (
        "LG-G8_lat-8ms_top1-71.1_finetune-25",
        144,
        "33 55 533 37 37",
        "33 43 333 64 64",
    ),
    (
        "note10_lat-11ms_top1-73.6_finetune-25",
        176,
        "33 53 53 333 355",
        "33 44 44 433 444",
    ),
    (
        "note10_lat-16ms_top1-75.5_finetune-25",
        192,
        "33 5533 553 553 3753",
        "33 3443 443 443 6443",
    ),
    (
        "note10_lat-22ms_top1-76.6_finetune-25",
        224,
        "33 533 755 533 3333",
        "33 344 444 464 6663",
    ),
    (
        "note10_lat-8ms_top1-71.4_finetune-25",
        160,
        "33 33 333 33 35",
        "33 34 433 34 44",
    ),
    (
        "note8_lat-22ms_top1-70.4_finetune-25",
        140,
        "33 55 73 53 37",
        "33 33 43 34 66",
    ),
    (
        "note8_lat-31ms_top1-72.8_finetune-25",
        152,
        "53 55 335 357 3355",
        "33 43 444 434 6333",
    ),
    (
        "note8_lat-49ms_top1-74.9_finetune-25",
        176,
        "53 537 773 333 3535",
        "34 444 434 464 6664",
    ),
    (
        "note8_lat-65ms_top1-76.1_finetune-25",
        204,
        "73 353 733 533 5553",
        "33 443 664 664 6443",
    ),
    (
        "pixel1_lat-20ms_top1-71.4_finetune-25",
        152,
        "33 55 73 53 37",
        "33 33 43 34 66",
    ),
    (
        "pixel1_lat-28ms_top1-73.3_finetune-25",
        160,
        "33 733 73 35 3333",
        "34 364 36 64 6436",
    ),
    (
        "pixel1_lat-40ms_top1-74.9_finetune-25",
        172,
        "53 537 773 333 3535",
        "34 444 434 464 6664",
    ),
    (
        "pixel2_lat-25ms_top1-71.5_finetune-25",
        144,
        "33 55 73 773 53",
        "33 64 43 434 64",
    ),
    (
        "pixel2_lat-35ms_top1-73.4_finetune-25",
        160,
        "33 333 77 5337 7775",
        "33 346 44 4333 4633",
    ),
    (
        "pixel2_lat-50ms_top1-74.7_finetune-25",
        208,
        "33 33 35 57 3575",
        "34 33 36 64 6343",
    ),
    (
        "pixel2_lat-62ms_top1-75.8_finetune-25",
        208,
        "33 753 555 375 5733",
        "33 433 643 443 6664",
    ),
    (
        "s7edge_lat-29ms_top1-70.5_finetune-25",
        144,
        "33 53 53 55 35",
        "33 34 44 44 63",
    ),
    (
        "s7edge_lat-41ms_top1-73.1_finetune-25",
        160,
        "33 53 75 333 3533",
        "33 34 44 443 6433",
    ),
    (
        "s7edge_lat-58ms_top1-74.7_finetune-25",
        192,
        "33 53 7533 333 355",
        "33 34 4343 443 644",
    ),
    (
        "s7edge_lat-88ms_top1-76.3_finetune-25",
        192,
        "53 533 755 5535 3733",
        "34 664 463 6644 6664",
    ),
)

_MOBILENET_V3_W12 = (
    (
        "flops-389M_top1-79.1_finetune-75",
        224,
        "33 553 553 5533 3373",
        "33 363 443 6444 6663",
    ),
    (
        "flops-482M_top1-79.6_finetune-75",
        224,
        "533 5353 5533 5735 7333",
        "333 4443 4633 6664 6663",
    ),
    (
        "flops-595M_top1-80.0_finetune-75",
        236,
        "353 5535 7535 3573 3353",
        "343 4463 6634 6664 6663",
    ),
    (
        "note10_lat-30ms_top1-78.4_finetune-75",
        224,
        "33 533 553 333 3333",
        "33 434 443 644 6643",
    ),
    (
        "note10_lat-41ms_top1-79.3_finetune-75",
        220,
        "33 733 7333 3533 3333",
        "34 446 6634 6664 6663",
    ),
    (
        "note10_lat-50ms_top1-79.7_finetune-75",
        220,
        "533 5335 7735 7533 333",
        "366 4663 6644 6666 666",
    ),
    (
        "note10_lat-64ms_top1-80.2_finetune-75",
        260,
        "333 5335 5537 5333 3353",
        "363 4633 6644 6664 6663",
    ),
    (
        "pixel1_lat-132ms_top1-79.8_finetune-75",
        228,
        "53 5535 7535 5555 3353",
        "36 4663 6664 6664 6663",
    ),
    (
        "pixel1_lat-143ms_top1-80.1_finetune-75",
        240,
        "533 5535 7533 5353 3353",
        "363 6663 6664 6664 6663",
    ),
    (
        "pixel1_lat-79ms_top1-78.7_finetune-75",
        224,
        "33 53 753 5333 3333",
        "33 34 443 6443 6663",
    ),
)

_PROXYLESS = (
    (
        "1080ti_gpu64-12ms_top1-72.6_finetune-25",
        128,
        "33 355 557 3733 7575 3",
        "33 644 633 4364 6433 6",
    ),
    (
        "1080ti_gpu64-15ms_top1-73.8_finetune-25",
        144,
        "33 333 35 3533 3773 5",
        "44 664 33 3436 6646 3",
    ),
    (
        "1080ti_gpu64-22ms_top1-75.3_finetune-25",
        188,
        "33 53 353 337 355 3",
        "33 36 446 464 644 4",
    ),
    (
        "1080ti_gpu64-27ms_top1-76.4_finetune-25",
        188,
        "33 3533 535 535 3573 7",
        "33 6644 634 644 6636 6",
    ),
    (
        "cpu_lat-10ms_top1-71.1_finetune-25",
        144,
        "53 33 737 55 53 3",
        "43 33 333 34 34 4",
    ),
    (
        "cpu_lat-11ms_top1-72.0_finetune-25",
        144,
        "55 37 537 57 33 5",
        "43 33 443 44 64 4",
    ),
    (
        "cpu_lat-15ms_top1-74.6_finetune-25",
        188,
        "33 33 73 533 53 7",
        "33 46 64 466 63 6",
    ),
    (
        "cpu_lat-17ms_top1-75.7_finetune-25",
        208,
        "33 53 373 553 353 3",
        "34 34 633 346 643 4",
    ),
    (
        "tx2_gpu16-35ms_top1-70.3_finetune-25",
        128,
        "33 37 55 53 53 5",
        "43 66 63 34 64 4",
    ),
    (
        "tx2_gpu16-47ms_top1-72.9_finetune-25",
        144,
        "33 53 373 553 353 3",
        "34 34 633 346 643 4",
    ),
    (
        "tx2_gpu16-96ms_top1-75.8_finetune-25",
        172,
        "333 75 3555 5773 3353 5",
        "346 34 4443 4336 6664 3",
    ),
    (
        "v100_gpu64-11ms_top1-76.1_finetune-25",
        192,
        "33 55 737 7537 3553 3",
        "33 63 334 4434 6646 4",
    ),
    (
        "v100_gpu64-5ms_top1-71.6_finetune-25",
        128,
        "33 53 353 337 355 3",
        "33 36 446 464 644 4",
    ),
)


OFA_MOBILENET_V3 = _read(_MOBILENET_V3, (4,) * 5)
OFA_MOBILENET_V3_W12 = _read(_MOBILENET_V3_W12, (4,) * 5)
OFA_PROXYLESS = _read(_PROXYLESS, (*(4,) * 5, 1))

_US_MOBILENET_V1 = (
    (100, 224, 71.8),
    (95, 224, 71.6),
    (90, 224, 71.3),
    (85, 224, 70.6),
    (80, 224, 69.8),
    (75, 224, 69.5),
    (70, 224, 68.8),
    (65, 224, 67.8),
    (60, 224, 66.8),
    (55, 224, 65.6),
    (50, 224, 64.2),
    (45, 224, 62.7),
    (40, 224, 61.0),
    (35, 224, 59.0),
    (30, 224, 57.3),
    (25, 224, 55.7),
)

_US_MOBILENET_V2 = (
    (100, 224, 71.5),
    (95, 224, 71.2),
    (90, 224, 71.1),
    (85, 224, 70.6),
    (80, 224, 70.0),
    (75, 224, 69.6),
    (70, 224, 68.9),
    (65, 224, 68.3),
    (60, 224, 67.6),
    (55, 224, 65.6),
    (50, 224, 65.1),
    (45, 224, 64.2),
    (40, 224, 63.4),
    (35, 224, 62.3),
)

_MUTUALNET_V1 = (
    (100, 224, 72.4),
    (95, 224, 71.7),
    (90, 224, 71.2),
    (100, 192, 70.9),
    (95, 192, 70.6),
    (90, 192, 70.2),
    (85, 192, 69.7),
    (80, 192, 69.1),
    (75, 192, 68.4),
    (85, 160, 67.7),
    (80, 160, 67.2),
    (75, 160, 66.5),
    (70, 160, 65.6),
    (65, 160, 64.7),
    (60, 160, 63.5),
    (50, 160, 60.3),
    (45, 160, 58.9),
    (35, 160, 54.4),
    (25, 192, 52.7),
    (25, 160, 50.1),
    (25, 128, 45.5),
)

_MUTUALNET_V2 = (
    (100, 224, 72.9),
    (95, 224, 72.7),
    (90, 224, 72.4),
    (85, 224, 72.0),
    (100, 192, 71.8),
    (95, 192, 71.6),
    (90, 192, 71.4),
    (85, 192, 71.0),
    (80, 192, 70.4),
    (75, 192, 70.1),
    (70, 192, 69.6),
    (75, 160, 68.3),
    (70, 160, 67.6),
    (85, 128, 65.8),
    (70, 128, 64.2),
)


def _by_width(table):
    return tuple(
        Published(
            f"{width} % at {resolution}",
            round(top1 / 100, 4),
            Architecture(resolution, (width,), (), (), ()),
        )
        for width, resolution, top1 in table
    )


US_MOBILENET_V1 = _by_width(_US_MOBILENET_V1)
US_MOBILENET_V2 = _by_width(_US_MOBILENET_V2)
MUTUALNET_MOBILENET_V1 = _by_width(_MUTUALNET_V1)
MUTUALNET_MOBILENET_V2 = _by_width(_MUTUALNET_V2)

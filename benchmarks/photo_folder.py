"""From a folder of photos to a served prediction, command by command.

Writes photos of some classes as JPEG files, a folder for each class, and runs
what a user runs on them, each command a process that is timed: by the clock and
in seconds of processors, which other work on the machine changes little. A
start from one entry of the zoo is compared with a start from another: the same
photos, as many epochs. A fifth of the photos is tested: which, their names say,
as in every folder. Two ways:

- `finetune`: `keras-elastic finetune` trains the child for a budget; then come
  `evaluate`, `load --export`, and a prediction from the SavedModel, which a
  script of four lines asks for as a server would.
- `train`: `keras-elastic train --initial=ENTRY` goes on with the supernet,
  selects a child and exports it.

The photos are of the test split of a data set, on which no entry was trained.
`bignas_cifar10` has seen CIFAR-10's other split, of the same classes. `bignas`
has seen that of Tiny ImageNet, whose test split lies within ImageNet's training
images: the weights that it began with have seen those.

    python benchmarks/photo_folder.py --data_dir=DIR
    python benchmarks/photo_folder.py --dataset=tiny_imagenet200 --data_dir=DIR
    python benchmarks/photo_folder.py --photos=my_photos --way=train
"""

import argparse
import collections
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from PIL import Image

import keras_elastic as ke
from keras_elastic import zoo
from keras_elastic.selection import Budget
from keras_elastic.selection.budget import short

PREDICT = """
import sys
import tensorflow as tf

serve = tf.saved_model.load(sys.argv[1]).signatures["serve_bytes"]
answer = serve(images=tf.constant([open(sys.argv[2], "rb").read()]))
print(answer["top_classes"].numpy()[0, 0].decode())
"""
KERAS_ELASTIC = (sys.executable, "-m", "keras_elastic")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", help="[written from --dataset]")
    parser.add_argument("--dataset", default="cifar10")
    parser.add_argument("--data_dir")
    parser.add_argument("--classes", type=int, default=6)
    parser.add_argument("--photos_per_class", type=int, default=60)
    parser.add_argument(
        "--starts",
        nargs="+",
        metavar="ENTRY=FLOPS",
        default=["bignas=50e6", "bignas_cifar10=25e6"],
    )
    parser.add_argument("--way", choices=WAYS, default="finetune")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if arguments.photos:
            shutil.copytree(arguments.photos, folder / "photos")
        else:
            write_photos(folder / "photos", arguments)
        photos = ke.data.load_dataset(folder / "photos")
        print(
            f"{photos.num_classes} classes, {photos.train.size} photos to "
            f"train on, {photos.held_out.size} held out, {photos.test.size} "
            f"tested; {arguments.epochs} epochs, seed {arguments.seed}",
            flush=True,
        )
        rows = [measure(s, folder, photos, arguments) for s in arguments.starts]
    head = (
        "start | multiply-adds | seconds | of processors | top-1 | photo | is"
    )
    print(f"\n| {head} |\n|{'---|' * 7}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def write_photos(folder, arguments):
    """Writes the first photos of the first classes of a test split."""
    dataset = ke.data.load_dataset(arguments.dataset, arguments.data_dir)
    names = dataset.class_names[: arguments.classes]
    written = collections.Counter()
    for image, label in dataset.test.images.as_numpy_iterator():
        if label < len(names) and written[label] < arguments.photos_per_class:
            path = folder / names[label] / f"{written[label]:04}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path, quality=95)
            written[label] += 1


def measure(start, folder, photos, arguments):
    """Runs the commands of one start; returns a row of the table."""
    entry, _, flops = start.partition("=")
    place = folder / start
    place.mkdir()
    (place / "photos").symlink_to(folder / "photos")
    (place / "predict.py").write_text(PREDICT)
    [photo, *_] = photos.test.source.paths
    commands, served = WAYS[arguments.way](entry, float(flops), arguments)
    predict = (sys.executable, "predict.py", served, photo)
    timed = []
    for command in (*commands, predict):
        before = clocks()
        printed = run(command, place)
        timed.append(clocks() - before)
        wall, processors = timed[-1]
        print(
            f"{wall:>6.0f} s, {processors:>4.0f} s of processors: "
            f"{text_of(command)}",
            flush=True,
        )
    report = json.loads((place / "evaluated" / "report.json").read_text())
    top1 = f"{report['top1']:.1%} ± {report['top1_standard_error']:.1%}"
    row = zoo.find_entry(entry).front.best(Budget(flops=float(flops)), entry)
    wall, processors = map(summed, zip(*timed, strict=True))
    served = printed.splitlines()[-1]
    return (
        *(entry, short(row.flops), wall, processors),
        *(top1, photo.parent.name, served),
    )


def clocks():
    """Seconds of the clock, and of processors in processes that ended."""
    times = os.times()
    return np.array(
        [times.elapsed, times.children_user + times.children_system]
    )


def summed(seconds):
    """What each command took, and all of them."""
    each = " + ".join(f"{value:.0f}" for value in seconds)
    return f"{each} = {sum(seconds):.0f}"


def by_finetuning(entry, flops, arguments):
    """Commands that fine-tune a child, and where the SavedModel is."""
    finetune = (
        f"finetune {entry} --flops={flops:g} --dataset=photos --out=my_model "
        f"--epochs={arguments.epochs} --seed={arguments.seed}"
    )
    return (
        (*KERAS_ELASTIC, *finetune.split()),
        (*KERAS_ELASTIC, "evaluate", "my_model", *TESTED),
        (*KERAS_ELASTIC, "load", "my_model", "--export=served"),
    ), "served/1"


def by_training(entry, flops, arguments):
    """Commands that go on with the supernet, and where the SavedModel is."""
    found = zoo.find_entry(entry)
    size = found.front.best(Budget(flops=flops), entry).arch.resolution
    train = (
        f"--dataset=photos --initial={entry} --family={found.family.name} "
        f"--patch_size={size} --upscale --training_resolutions={size} "
        f"--budgets={flops:g} "
        f"--epochs={arguments.epochs} --seed={arguments.seed} --num_random=1 "
        "--batch_size=32 --optimizer=sgd --schedule=cosine --warmup_epochs=1 "
        "--learning_rate=0.02 --clip_norm=5 --augmentation=shift_flip "
        "--mutants=8 --band=0.1 --run_dir=my_run"
    )
    return (
        (*KERAS_ELASTIC, "train", *train.split()),
        (*KERAS_ELASTIC, "evaluate", "my_run", f"--flops={flops:g}", *TESTED),
    ), "my_run/served/1"


TESTED = ("--dataset=photos", "--out=evaluated")
WAYS = {"finetune": by_finetuning, "train": by_training}


def run(command, folder):
    """Runs a command in a folder; returns what it printed."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{text_of(command)}\n{done.stderr[-3000:]}")
    return done.stdout


def text_of(command):
    """A command, as a user types it."""
    text = shlex.join(map(str, command))
    text = text.replace(shlex.join(KERAS_ELASTIC), "keras-elastic")
    return text.replace(sys.executable, "python")


if __name__ == "__main__":
    main()

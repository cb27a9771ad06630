"""Flips a byte in each file of a run, and counts what nobody notices.

A tiny supernet, a BasisNet and a search are run. Then, again and again, one
byte of one file is changed, and what reads that file later reads it: resuming,
selecting, loading, exporting. An error or a warning is what it must end in;
reading on as if nothing had happened is counted as silent. Unchanged, each file
is read once before.

`training.csv` and `starts.jsonl` are left out, for nothing reads them, and so
is `served`, which other programs read.

    python benchmarks/flip_bytes.py --tries=300
"""

import argparse
import collections
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tiny_runs

import keras_elastic as ke
from keras_elastic import files
from keras_elastic import zoo
from keras_elastic.selection import Front
from keras_elastic.selection.score_cache import ScoreCache
from keras_elastic.spaces import Architecture
from keras_elastic.training import Run
from keras_elastic.training.checkpoints import Checkpoints
from keras_elastic.training.training_recipe import recipe_from_json
from keras_elastic.untrusted import parse_json
from keras_elastic.zoo import initial
from keras_elastic.zoo import writing

ROOT = pathlib.Path(__file__).parents[1]
# Read by people, or by other programs.
SKIPPED = ("*.csv", "starts.jsonl", "*.png", "served/*")
READ = ("front.csv", "front.csv.sha256")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    found = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        paths = make_runs(folder)
        for path in paths:
            read(path.with_name(path.name.removesuffix(".sha256")))
        for number in range(arguments.tries):
            path = paths[number % len(paths)]
            name = path.name.removesuffix(".sha256")
            name = "step-N.npz" if name.startswith("step-") else name
            found[name, is_silent(path, rng)] += 1
    print("| file | tries | silent |\n|---|---|---|")
    for name in sorted({name for name, _ in found}):
        silent, noticed = found[name, True], found[name, False]
        print(f"| {name} | {silent + noticed} | {silent} |")
    silent = sum(count for (_, heard), count in found.items() if heard)
    print(f"| all | {sum(found.values())} | {silent} |")
    if silent:
        raise SystemExit(f"{silent} changes were silent.")


def make_runs(folder):
    """Runs what leaves every kind of file; returns the files."""
    for kind in ("supernet", "basisnet"):
        flags = tiny_runs.write_recipe(kind, folder)
        run_script("train.py", *flags, f"--run_dir={folder / kind}")
    run_script(
        *("search.py", f"--run={folder / 'supernet'}", "--flops=250e3"),
        *("--mutants=2", f"--out={folder / 'supernet' / 'child'}"),
    )
    model = ke.load(folder / "supernet", flops=250e3)
    ke.save_preset(model, folder / "preset")
    (folder / "preset" / "README.md").unlink()
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.parent != folder
        and (path.name in READ or not is_skipped(path.relative_to(folder)))
    )


def run_script(script, *flags):
    subprocess.run(
        [sys.executable, ROOT / script, *flags],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def is_skipped(path):
    name = path.name.removesuffix(".sha256")
    return "served" in path.parts or any(
        pathlib.PurePath(name).match(pattern) for pattern in SKIPPED
    )


def is_silent(path, rng):
    """Flips a byte of a file, reads it, and restores it."""
    content = path.read_bytes()
    changed = bytearray(content)
    place = rng.randrange(len(content))
    changed[place] ^= rng.randrange(1, 256)
    path.write_bytes(changed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read(path.with_name(path.name.removesuffix(".sha256")))
    except (OSError, UserWarning, ValueError):
        return False
    finally:
        path.write_bytes(content)
    print(f"silent: {path}, byte {place}", file=sys.stderr)
    return True


def read(path):
    """Reads a file as what comes after it does."""
    folder = path.parent
    if path.name.startswith("step-"):
        read_checkpoint(path)
    elif path.name == "final.weights.h5":
        recipe = recipe_of(folder)
        recipe.make_training(run_of(folder)).run.train(
            "training" if folder.name == "training" else "training/basisnet",
            recipe,
            lambda: make_task(recipe),
        )
    elif path.name == "data.json":
        writing.check_data(folder, dataset())
    elif path.name == "recipe.json" and not (folder / "model.json").is_file():
        writing.check_recipe(folder, recipe_of(folder))
    elif path.name == "scores.jsonl":
        read_scores(path)
    elif path.name == "architecture.json":
        Architecture.from_json(files.verified(path).read_text("utf-8"))
    elif path.name == "front.csv":
        run = folder.parent if folder.name == "child" else folder
        entry = zoo.find_entry(run)
        Front.read(path, entry.family, entry.classes)
    elif folder.name == "preset":
        ke.load(folder)
    elif path.suffix == ".keras":
        zoo.load_teacher(path)
    else:
        entry = zoo.find_entry(folder)
        row = entry.front.rows[0]
        entry.child(row.arch, entry.statistics(0))
        writing.check_recipe(folder, entry.recipe)


def read_checkpoint(path):
    """Resumes from a checkpoint, alone in its folder."""
    with tempfile.TemporaryDirectory() as alone:
        for file in (path, files.digest_file(path)):
            shutil.copy(file, alone)
        recipe = recipe_of(path.parent)
        task = make_task(recipe)
        optimizer = recipe.make_optimizer(1)
        optimizer.build(task.variables)
        prefix = f"{optimizer.name}/"
        variables = {v.path: v for v in task.model.variables}
        variables |= {
            f"optimizer/{v.path.removeprefix(prefix)}": v
            for v in optimizer.variables
        }
        Checkpoints(alone, variables).restore()


def read_scores(path):
    header = parse_json(path.read_text("utf-8", "replace").split("\n")[0])
    space = zoo.find_entry(path.parent).family.space
    kept = ("weights", "calibration_images", "evaluation_images")
    ScoreCache(space, path, {name: header[name] for name in kept})


def dataset():
    return ke.data.load_dataset("digits", limit=640)


def recipe_of(folder):
    while not (folder / "recipe.json").exists():
        folder = folder.parent
    return recipe_from_json((folder / "recipe.json").read_text())


def run_of(folder):
    while not (folder / "recipe.json").exists():
        folder = folder.parent
    return Run(
        dataset=dataset(), folder=folder, load_initial=initial.recipe_initial
    )


def make_task(recipe):
    # Keras numbers some variables of a process, as in a new one.
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    if recipe.kind == "basisnet":
        # As `check` does before a run begins: the numbers go on.
        recipe.make_model(10)
        return recipe.make_task(recipe.make_model(10), 1)
    from keras_elastic.training.task import SubnetTask

    supernet = ke.Supernet(recipe.make_family(), 10)
    return SubnetTask(supernet, recipe.make_sampler(), recipe.make_objective())


if __name__ == "__main__":
    main()

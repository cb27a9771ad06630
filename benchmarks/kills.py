"""Kills trainings, searches and exports at random moments, and counts losses.

A training or a search is killed, started again, killed again, and in the end
left alone: it must end with the bits of one that nobody killed. An export that
replaces another is killed: the old one or the new one must be there, whole.
Scratch folders that a kill leaves behind must be gone after the next call; what
Keras and TensorFlow leave in the system's temporary folder is not counted.

    python benchmarks/kills.py --kills=100
    python benchmarks/kills.py --kinds preset litert --kills=20
"""

import argparse
import hashlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import tiny_runs

ROOT = pathlib.Path(__file__).parents[1]
TRAINED = tuple(tiny_runs.RECIPES)
EXPORTED = ("saved_model", "many_budgets", "litert", "preset")
KINDS = (*TRAINED, "search", *EXPORTED)
# What is compared of a run that was killed and of one that was not.
RESULTS = ("*.h5", "front.csv", "results.csv", "scores.jsonl")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="in all")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        export_again_and_again(*arguments.worker)
        return
    rng = random.Random(arguments.seed)
    totals = []
    print("| what | kills | losses | leftovers |\n|---|---|---|---|")
    for number, kind in enumerate(arguments.kinds):
        kills = len(range(number, arguments.kills, len(arguments.kinds)))
        attack = attack_export if kind in EXPORTED else attack_script
        with tempfile.TemporaryDirectory() as folder:
            totals.append(attack(kind, pathlib.Path(folder), kills, rng))
        print(f"| {kind} | {' | '.join(map(str, totals[-1]))} |", flush=True)
    sums = [sum(column) for column in zip(*totals, strict=True)]
    print(f"| all | {' | '.join(map(str, sums))} |")
    if sums[1] or sums[2]:
        raise SystemExit("Something was lost, or left behind.")


# ------------------------------------------------------ trainings and searches


def attack_script(kind, folder, kills, rng):
    """Returns the kills, the losses and the leftovers of a script."""
    whole, killed = folder / "whole", folder / "killed"
    commands = {run: make_command(kind, folder, run) for run in (whole, killed)}
    begin = time.monotonic()
    subprocess.run(commands[whole], check=True, **quiet(folder))
    longest = time.monotonic() - begin
    done = losses = 0
    while done < kills:
        process = subprocess.Popen(
            commands[killed], start_new_session=True, **quiet(folder)
        )
        # From when it has imported what it needs; sooner nothing is lost.
        begin = time.monotonic()
        moment = begin + rng.uniform(0.2, 1) * longest
        while process.poll() is None and time.monotonic() < moment:
            time.sleep(0.01)
        was_running = process.poll() is None
        kill(process)
        if not was_running:
            # It has ended: the next round begins anew, and is shorter.
            longest = min(longest, time.monotonic() - begin)
            losses += results(killed) != results(whole)
            subprocess.run(["rm", "-rf", killed], check=True)
            prepare(kind, folder, killed)
            continue
        done += 1
        losses += count_damaged(killed)
    subprocess.run(commands[killed], check=True, **quiet(folder))
    losses += results(killed) != results(whole)
    return done, losses, count_leftovers(folder)


def make_command(kind, folder, run):
    """The command of a run; what it needs is made before."""
    flags = tiny_runs.write_recipe(
        "supernet" if kind == "search" else kind, folder
    )
    train = [sys.executable, ROOT / "train.py", *flags]
    if kind == "search":
        base = folder / "base"
        if not base.exists():
            subprocess.run(
                [*train, f"--run_dir={base}"], check=True, **quiet(folder)
            )
        prepare(kind, folder, run)
        return [
            *(sys.executable, ROOT / "search.py", f"--run={run}"),
            *("--flops=200e3", "--mutants=60", f"--out={run / 'out'}"),
        ]
    more = ["--compare"] if kind == "supernet" else []
    return [*train, *more, "--checkpoint_every=3", f"--run_dir={run}"]


def prepare(kind, folder, run):
    """Makes the run that a search looks into."""
    if kind == "search":
        subprocess.run(["cp", "-r", folder / "base", run], check=True)


def results(run):
    """What a run has come to, as digests by file."""
    found = {}
    for pattern in RESULTS:
        for path in sorted(run.rglob(pattern)):
            found[str(path.relative_to(run))] = content_of(path)
    return found


def content_of(path):
    if path.suffix != ".h5":
        return path.read_text()
    digest = hashlib.sha256()

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            digest.update(name.encode() + item[()].tobytes())

    with h5py.File(path, "r") as file:
        file.visititems(add)
    return digest.hexdigest()


def count_damaged(run):
    """Files that are not what their digests say."""
    from keras_elastic import files

    damaged = 0
    for beside in run.rglob("*.sha256"):
        path = beside.with_suffix("")
        try:
            # A digest may come before its file, and never without it after.
            path.exists() and files.verified(path)
        except ValueError:
            damaged += 1
    return damaged


# --------------------------------------------------------------------- exports


def attack_export(kind, folder, kills, rng):
    """Returns the kills, the losses and the leftovers of an export."""
    target = folder / "out"
    done = losses = leftovers = 0
    while done < kills:
        worker = start_worker(kind, target, folder)
        begin = time.monotonic()
        export(worker)
        longest = time.monotonic() - begin
        leftovers += count_leftovers(folder)
        # The second takes less, for nothing is traced before it.
        worker.stdin.write("go\n")
        worker.stdin.flush()
        time.sleep(rng.uniform(0, 1) ** 2 * longest)
        kill(worker)
        done += 1
        losses += not is_whole(kind, target)
    if kills:
        worker = start_worker(kind, target, folder)
        export(worker)
        kill(worker)
        leftovers += count_leftovers(folder)
    return done, losses, leftovers


def start_worker(kind, target, folder):
    worker = subprocess.Popen(
        [sys.executable, __file__, "--worker", kind, target],
        start_new_session=True,
        stdin=subprocess.PIPE,
        text=True,
        **{**quiet(folder), "stdout": subprocess.PIPE},
    )
    wait(worker, "ready")
    return worker


def export(worker):
    """Lets a worker export once, and waits."""
    worker.stdin.write("go\n")
    worker.stdin.flush()
    wait(worker, "done")


def wait(worker, word):
    while (line := worker.stdout.readline()) != f"{word}\n":
        if not line:
            raise RuntimeError("The worker has ended.")


def export_again_and_again(kind, target):
    """What a worker does: it exports whenever a line comes in."""
    import keras_elastic as ke

    target = pathlib.Path(target)
    entry = ke.zoo.find_entry("bignas_digits")
    model = ke.load("bignas_digits", flops=3e5)
    exports = {
        "saved_model": lambda: ke.export.saved_model(
            model, target, overwrite=True
        ),
        "many_budgets": lambda: ke.export.many_budgets(
            entry, target, {"a": 300e3, "b": 1e6}, overwrite=True
        ),
        "litert": lambda: ke.export.litert(model, target / "a.tflite"),
        "preset": lambda: ke.save_preset(
            model, target / "preset", overwrite=True
        ),
    }
    print("ready", flush=True)
    for _ in sys.stdin:
        exports[kind]()
        print("done", flush=True)


def is_whole(kind, target):
    """Whether an export is there, and can be used."""
    import tensorflow as tf

    import keras_elastic as ke

    try:
        if kind == "preset":
            ke.load(target / "preset")
        elif kind == "litert":
            tf.lite.Interpreter(str(target / "a.tflite")).allocate_tensors()
        else:
            tf.saved_model.load(str(target / "1"))
            labels = target / "1" / "assets.extra" / "labels.txt"
            return len(labels.read_text().splitlines()) == 10
    except (OSError, ValueError) as error:
        print(f"lost: {error}", file=sys.stderr)
        return False
    return True


# ------------------------------------------------------------------- processes


def quiet(folder):
    """Without output, and with a folder of its own for temporary files."""
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(scratch)}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT), environment.get("PYTHONPATH", "")]
    )
    return {
        "env": environment,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }


def kill(process):
    """Kills a process and those that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def count_leftovers(folder):
    """Scratch folders that a kill has left, in `tmp` too."""
    return len(list(folder.rglob(".keras_elastic-*")))


if __name__ == "__main__":
    main()

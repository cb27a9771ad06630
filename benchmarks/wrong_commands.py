"""Gives wrong command lines to the scripts, and counts how they are refused.

Each line is wrong in one flag, most of them generated from the flags' types. It
must end in one error that names the flag, before a file is written. Scripts run
in this process, and stop where they would begin to train or to search.

    python benchmarks/wrong_commands.py
"""

import argparse
import collections
import contextlib
import dataclasses
import importlib.util
import io
import os
import pathlib
import shutil
import sys
import tempfile
import typing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tiny_runs
from absl import flags

from keras_elastic import command_line
from keras_elastic import files
from keras_elastic.commands import finetune
from keras_elastic.conditional import BasisNetRecipe
from keras_elastic.conditional import CondConvRecipe
from keras_elastic.conditional import DSNetRecipe
from keras_elastic.training import Recipe

ROOT = pathlib.Path(__file__).parents[1]
# Values that no flag of a type takes.
WRONG = {
    int: ("abc", "1.5", "nan", "", "-1"),
    float: ("abc", "nan", "inf", "-1", "1,2"),
    bool: ("maybe",),
}
WRONG_LISTS = {int: ("a,b", "1,,2", "-1"), float: ("a,b", "nan,1", "-1", "inf")}
NAMES = (
    *("sampler", "objective", "divergence", "optimizer", "schedule", "decayed"),
    *("trained", "dtype", "augmentation", "teacher", "initial", "drawn_from"),
    *("family", "network", "activation", "taught", "windows", "hard_samples"),
)
KINDS = {
    "supernet": Recipe,
    "basisnet": BasisNetRecipe,
    "condconv": CondConvRecipe,
    "dsnet": DSNetRecipe,
}
# Only with another flag do these do something, and then they are checked.
UNUSED = {"basisnet": ("light", "specialist"), "condconv": (), "dsnet": ()}


@dataclasses.dataclass(frozen=True)
class Line:
    """A wrong command line: its arguments, and what its error must name."""

    script: str
    arguments: tuple[str, ...]
    named: str


class Accepted(Exception):
    """A wrong command line that would have been run."""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    counts = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for line, outcome in judge_all(pathlib.Path(folder)):
            counts[line.script, outcome] += 1
            if outcome != "clear":
                print(f"{outcome}: {line}", file=sys.stderr)
    scripts = sorted({script for script, _ in counts})
    outcomes = ("clear", "raw", "unnamed", "accepted", "files")
    print(f"| script | lines | {' | '.join(outcomes)} |")
    print("|---" * (2 + len(outcomes)) + "|")
    for script in scripts:
        found = [counts[script, outcome] for outcome in outcomes]
        print(f"| {script} | {sum(found)} | {' | '.join(map(str, found))} |")
    if sum(counts.values()) != sum(counts[s, "clear"] for s in scripts):
        raise SystemExit("Some are not refused as they should be.")


def judge_all(folder):
    """Yields every wrong line, and how it was refused.

    The outcome is "clear"; "raw" for an error that is not meant for a user;
    "unnamed" for one that does not name the flag; "accepted"; or "files" for
    one that comes after a file was written.
    """
    before = pathlib.Path.cwd()
    os.chdir(folder)
    try:
        recipes = {
            kind: f"--recipe={write(folder, kind)}"
            for kind in tiny_runs.RECIPES
        }
        (folder / "file").touch()
        (folder / "text.json").write_text("no JSON")
        (folder / "text.npz").write_text("no arrays")
        with loaded("train.py") as module:
            module.train = refuse
            for line in train_lines(recipes):
                yield line, judge(line, module, folder)
        with loaded("search.py") as module:
            module.select = refuse
            for line in search_lines():
                yield line, judge(line, module, folder)
        for line in package_lines():
            yield line, judge(line, None, folder)
    finally:
        os.chdir(before)


def write(folder, kind):
    tiny_runs.write_recipe(kind, folder)
    return folder / f"{kind}.py"


def refuse(*arguments, **keywords):
    raise Accepted


# ------------------------------------------------------------------- the lines


def train_lines(recipes):
    """Wrong lines of train.py."""
    seen = {"name"}
    for kind, table in KINDS.items():
        hints = typing.get_type_hints(table)
        for field in dataclasses.fields(table):
            if field.name in seen or field.name in UNUSED.get(kind, ()):
                continue
            seen.add(field.name)
            for value in wrong_values(field.name, hints[field.name]):
                flag = f"--{field.name}={value}"
                yield Line("train.py", (recipes[kind], flag), field.name)
    for flag, named in (
        ("--epoch=3", "epoch"),
        ("--learning-rate=0.1", "learning-rate"),
        ("--rundir=x", "rundir"),
        ("--no_upscale", "no_upscale"),
        ("--recipe=resnet50", "resnet50"),
        ("--recipe=absent.py", "absent.py"),
        ("--recipe=", "recipe"),
        ("--recipe=file", "file"),
        ("--backend=jax", "backend"),
        ("--backend jaxx", "backend"),
        ("--backend=", "backend"),
        ("--strategy=all", "strategy"),
        ("--mode=fast", "mode"),
        ("--tpu=mine", "tpu"),
        ("--jit_compile=2", "jit_compile"),
        ("--jit_compile --mode=sliced", "jit_compile"),
        ("--checkpoint_every=0", "checkpoint_every"),
        ("--checkpoint_every=-5", "checkpoint_every"),
        ("--checkpoint_every=x", "checkpoint_every"),
        ("--validate_every=-1", "validate_every"),
        ("--validate_every=1.5", "validate_every"),
        ("--skip_corrupt", "skip_corrupt"),
        ("--smoke=perhaps", "smoke"),
        ("--latency=3", "latency"),
        ("--tensorboard=x", "tensorboard"),
        ("--compare=x", "compare"),
        ("--data_dir=absent", "data_dir"),
        ("--data_dir=file", "data_dir"),
        ("--dataset=absent --data_dir=.", "absent"),
        ("--dataset=", "dataset"),
        ("--run_dir=file", "file"),
        ("--run_dir=file/below", "file"),
        ("--run_dir=/proc/nowhere", "/proc/nowhere"),
        ("--batch_size=65", "batch_size"),
        ("--batch_size=5000", "batch_size"),
        ("--batch_size=63 --mixup=0.2", "batch_size"),
        ("--steps_per_epoch=1000", "steps_per_epoch"),
        ("--accumulation_steps=3", "accumulation_steps"),
        ("--objective=ensemble_bootstrapping", "ema_momentum"),
        ("--family=elastic:absent.keras", "absent.keras"),
        ("--family=elastic:keras.applications:Nothing", "Nothing"),
        ("--noupscale", "upscale"),
        ("--patch_size=4 --noupscale", "patch_size"),
        ("--training_resolutions=7", "training_resolutions"),
        ("--budgets=1e3", "1e3"),
        ("--limit=1", "limit"),
        ("unexpected", "unexpected"),
        ("--seed=1 more", "more"),
        ("--sampler=mutual --same_resolution", "same_resolution"),
        ("--tolerance=0.1", "tolerance"),
        ("--windows=S", "windows"),
    ):
        if flag == "--batch_size=65":
            flag += " --accumulation_steps=2"
        words = flag.split() if not flag.endswith("=") else [flag]
        yield Line("train.py", (recipes["supernet"], *words), named)
    for kind in ("basisnet", "condconv", "dsnet"):
        yield Line("train.py", (recipes[kind], "--compare"), "compare")
    yield Line("train.py", (recipes["basisnet"], "--mode=masked"), "mode")


def wrong_values(name, hint):
    """Values that a flag of a field does not take."""
    options = [o for o in typing.get_args(hint) if o is not type(None)]
    origin = typing.get_origin(hint)
    if origin is dict or (origin is tuple and options[0] not in WRONG_LISTS):
        return ("nothing",) if name in NAMES else ()
    if origin is tuple:
        return WRONG_LISTS[options[0]]
    if len(options) == 1:
        return wrong_values(name, options[0])
    if hint is str:
        return ("nothing", "") if name in NAMES else ()
    return WRONG.get(hint, ())


def search_lines():
    """Wrong lines of search.py."""
    run = "--run=bignas_digits"
    for flag, named in (
        *((f"--{f}={v}", f) for f in BUDGETS for v in WRONG[float]),
        *((f"--resolution={v}", "resolution") for v in (*WRONG[int], "7")),
        *(
            (f"--{f}={v}", f)
            for f in ("candidates", "mutants", "predictor_samples", "seed")
            for v in WRONG[int]
        ),
        *(("--candidates=0 --search=random", "candidates"),),
        *(
            (f"--{f}={v}", f)
            for f in ("lambda1", "nfr_weight")
            for v in WRONG[float]
        ),
        ("--lambda1=2", "lambda1"),
        ("--nfr_weight=2", "nfr_weight"),
        ("--reward=R1", "reward"),
        ("--reward=R3 --reference=text.json", "reward"),
        ("--reward=R1 --lambda1=2 --reference=text.json", "lambda1"),
        ("--unconstrained", "unconstrained"),
        ("--unconstrained=perhaps", "unconstrained"),
        ("--reference=text.npz", "reference"),
        ("--search=all", "search"),
        ("--flops=1", "flops"),
        ("--params=1", "params"),
        ("--memory=1", "memory"),
        ("--latency_ms=3", "latency_table"),
        ("--latency_table=x", "latency_ms"),
        ("--latency_table=x --measure", "measure"),
        ("--runtime=litert", "measure"),
        ("--runtime=abc", "runtime"),
        ("--latency_table=absent --latency_ms=3", "absent"),
        ("--latency_table=text.json --latency_ms=3", "text.json"),
        ("--reference=absent", "reference"),
        ("--reference=text.json", "JSON"),
        ("--reference=text.json --predictor_samples=9", "predictor_samples"),
        ("--data_dir=absent", "data_dir"),
        ("--out=file", "file"),
        ("--out=file/below", "file"),
        ("--flop=3", "flop"),
        ("more", "more"),
    ):
        yield Line("search.py", (run, *flag.split(" ")), named)
    for value in ("nothing", "", "file", "."):
        yield Line("search.py", (f"--run={value}",), value or "run")
    yield Line("search.py", ("--flops=3e5",), "run")


BUDGETS = ("flops", "params", "memory")


def package_lines():
    """Wrong lines of `keras-elastic`."""
    load = ("load", "bignas_digits")
    for arguments, named in (
        *(((*load, f"--{f}={v}"), f) for f in BUDGETS for v in WRONG[float]),
        *(((*load, f"--resolution={v}"), "resolution") for v in WRONG[int]),
        *(((*load, f"--{f}=1"), f) for f in BUDGETS),
        *(((*load, f"--latency_ms={v}"), "latency_ms") for v in WRONG[float]),
        ((*load, "--latency_ms=3"), "latency_table"),
        ((*load, "--latency_table=absent"), "latency_ms"),
        ((*load, "--latency_ms=3", "--latency_table=absent"), "absent"),
        ((*load, "--latency_ms=3", "--latency_table=text.json"), "text.json"),
        ((*load, "--resolution=7"), "resolution"),
        ((*load, "--format=onnx"), "format"),
        ((*load, "--quantization=int4"), "quantization"),
        ((*load, "--quantization=int8"), "quantization"),
        ((*load, "--dataset=digits"), "dataset"),
        ((*load, "--export=file"), "file"),
        ((*load, "--export=file/below"), "file"),
        ((*load, "--export="), "export"),
        ((*load, "--flop=3", "--floops=3"), "floops"),
        ((*load, "more"), "more"),
        (("load", "nothing"), "nothing"),
        (("load", ""), "name"),
        (("load", "file"), "file"),
        (("load",), "NAME"),
        *finetune_lines(),
        (("info", "nothing"), "nothing"),
        (("info", "."), "model.json"),
        (("info",), "NAME"),
        (("explore", "nothing", "--out=x.html"), "nothing"),
        (("explore", "bignas_digits"), "out"),
        (("explore", "bignas_digits", "--out="), "out"),
        (("explore", "bignas_digits", "--out=page.pdf"), "out"),
        (("explore", "bignas_digits", "--out=file/x.html"), "file"),
        (("list", "more"), "more"),
        (("list", "--update=absent"), "update"),
        (("list", "--update=file"), "update"),
        (("fly",), "fly"),
        ((), "COMMAND"),
    ):
        yield Line("keras_elastic", arguments, named)


def finetune_lines():
    """Wrong arguments of `keras-elastic finetune`, and what is named."""
    tune = ("finetune", "bignas_digits", "--dataset=digits", "--out=out")
    options = {**finetune.RECIPE, **finetune.IMAGES}
    for name, (kind, *_) in options.items():
        for value in WRONG.get(kind, ("nothing", "")):
            yield (*tune, f"--{name}={value}"), name
    yield from (
        ((*tune, f"--{f}={v}"), f) for f in BUDGETS for v in WRONG[float]
    )
    for more, named in (
        ("--flops=1", "flops"),
        ("--latency_ms=3", "latency_table"),
        ("--resolution=7", "resolution"),
        ("--epochs=2 --head_epochs=3", "head_epochs"),
        ("--batch_size=5000", "batch_size"),
        ("--dataset=absent --data_dir=.", "absent"),
        ("--dataset=", "dataset"),
        ("--data_dir=absent", "data_dir"),
        ("--skip_corrupt", "skip_corrupt"),
        ("--out=", "out"),
        ("--out=file", "out"),
        ("--out=file/below", "out"),
        ("--out=/proc/nowhere", "out"),
        ("--epocs=3", "epocs"),
        ("more", "more"),
    ):
        yield (*tune, *more.split(" ")), named
    yield ("finetune", "nothing", *tune[2:]), "nothing"
    yield ("finetune", "", *tune[2:]), "name"
    yield ("finetune", "file", *tune[2:]), "file"
    yield tune[:3], "out"
    yield (*tune[:2], tune[3]), "dataset"


# ----------------------------------------------------------------- the verdict


def judge(line, module, folder):
    """Runs a line, and says how it was refused."""
    before = set(folder.rglob("*"))
    errors = io.StringIO()
    arguments = line.arguments
    if line.script == "train.py" and "run_dir" not in " ".join(arguments):
        arguments = (*arguments, "--run_dir=run")
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(errors),
        ):
            if module is None:
                status = command_line.main(list(arguments))
                outcome = "raw" if status else "accepted"
            else:
                module.main(flags.FLAGS([line.script, *arguments]))
                outcome = "accepted"
    except Accepted:
        outcome = "accepted"
    except (ValueError, files.PathError, flags.Error) as error:
        print(error, file=errors)
        outcome = "raw"
    except SystemExit as error:
        outcome = "raw" if error.code else "accepted"
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return "raw"
    finally:
        if module is not None:
            reset(module)
    written = set(folder.rglob("*")) - before
    if written:
        # The next line must not find them.
        for path in written:
            if path.parent == folder:
                shutil.rmtree(path, ignore_errors=True)
        return "files"
    if outcome == "accepted":
        return outcome
    said = errors.getvalue()
    return "clear" if line.named in said else "unnamed"


def reset(module):
    """Takes back what a command line has set."""
    flags.FLAGS.unparse_flags()
    for flag in flags.FLAGS.flags_by_module_dict().get(module.__name__, ()):
        flags.FLAGS[flag.name].unparse()
    for flag in flags.FLAGS.flags_by_module_dict().get(
        "keras_elastic.scripts", ()
    ):
        flags.FLAGS[flag.name].unparse()


@contextlib.contextmanager
def loaded(script):
    """A script as a module, with its flags as long as the context lasts."""
    name = pathlib.Path(script).stem
    spec = importlib.util.spec_from_file_location(name, ROOT / script)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    argv, sys.argv = sys.argv, [script]
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.argv = argv
        for flag in list(flags.FLAGS.flags_by_module_dict().get(name, ())):
            delattr(flags.FLAGS, flag.name)
        del sys.modules[name]


if __name__ == "__main__":
    main()

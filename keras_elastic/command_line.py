"""The zoo on the command line.

python -m keras_elastic list
python -m keras_elastic info bignas_digits
python -m keras_elastic load bignas_digits --flops=6e5 --export=served
python -m keras_elastic explore bignas_digits --out=digits.html
python -m keras_elastic import attentivenas --checkpoint=FILE --out=DIR \
    --calibrate=IMAGES
"""

import argparse
import math
import sys

from keras_elastic import data
from keras_elastic import export
from keras_elastic import files
from keras_elastic import selection
from keras_elastic import zoo
from keras_elastic.commands import explore
from keras_elastic.selection.budget import short
from keras_elastic.spaces import costs
from keras_elastic.untrusted import printable
from keras_elastic.zoo.imports.importing import import_entry
from keras_elastic.zoo.imports.kinds import KINDS
from keras_elastic.zoo.preset import is_preset
from keras_elastic.zoo.preset import uncompiled

FORMATS = ("saved_model", "litert", "preset", "keras")
BUDGETS = ("flops", "params", "memory")
QUANTIZATIONS = ("float16", "dynamic", "int8")
# What stands around the zoo's table in a Markdown file.
BEGIN, END = "<!-- zoo -->\n", "<!-- /zoo -->"
_CALIBRATION_IMAGES = 200
_IMPORT_IMAGES = 4000


def main(argv=None) -> int:
    """Runs a command, and returns the exit status.

    Args:
        argv: List of strings. Defaults to the arguments of the process.
    """
    arguments = make_parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except (OSError, ValueError) as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted. Nothing half is left.", file=sys.stderr)
        return 130
    return 0


def make_parser() -> argparse.ArgumentParser:
    """Returns the parser, with a function to run for each command."""
    parser = argparse.ArgumentParser(
        prog="python -m keras_elastic",
        description="Networks of the zoo: the best within your budget.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_list(commands)
    _add_info(commands)
    _add_load(commands)
    _add_import(commands)
    explore.add(commands)
    return parser


def _add_list(commands):
    command = commands.add_parser("list", help="list the zoo's entries")
    command.add_argument(
        "--update",
        metavar="FILE",
        help="write the table into a Markdown file, between "
        f"{BEGIN.strip()} and {END.strip()}",
    )
    command.set_defaults(run=run_list)


def _add_info(commands):
    command = commands.add_parser(
        "info", help="say what an entry or a run is, and what it can do"
    )
    _add_name(command)
    command.set_defaults(run=run_info)


def _add_load(commands):
    command = commands.add_parser(
        "load", help="take the best network within a budget, and export it"
    )
    _add_name(command)
    for name, text in (
        ("flops", "most multiply-adds of one image, as 4e8"),
        ("params", "most trainable weights"),
        ("memory", "most bytes of activations of one image"),
    ):
        command.add_argument(f"--{name}", type=float, help=text)
    command.add_argument(
        "--resolution", type=int, help="the input resolution in pixels"
    )
    command.add_argument("--export", metavar="DIR", help="folder to write to")
    command.add_argument(
        "--format",
        choices=FORMATS,
        default="saved_model",
        help="what to write [saved_model]",
    )
    command.add_argument(
        "--quantization",
        choices=QUANTIZATIONS,
        help="of --format=litert [float32]",
    )
    command.add_argument(
        "--dataset",
        help="calibration images of --quantization=int8: a folder of images "
        "or a name of TensorFlow Datasets [what the entry was trained on]",
    )
    command.add_argument("--data_dir", help="folder of data in TFDS form")
    command.set_defaults(run=run_load)


def _add_import(commands):
    command = commands.add_parser(
        "import", help="make an entry of a supernet that others published"
    )
    command.add_argument("kind", metavar="KIND", choices=sorted(KINDS))
    command.add_argument(
        "--checkpoint", metavar="FILE", required=True, help="their file"
    )
    command.add_argument(
        "--out", metavar="DIR", required=True, help="folder to write to"
    )
    command.add_argument(
        "--calibrate",
        metavar="IMAGES",
        required=True,
        help="training images of ImageNet to measure statistics on, some "
        "thousands: a folder of images or a name of TensorFlow Datasets",
    )
    command.add_argument("--data_dir", help="folder of data in TFDS form")
    command.set_defaults(run=run_import)


def _add_name(command):
    command.add_argument(
        "name", metavar="NAME", help="a name of the zoo, or a folder"
    )


def run_list(arguments) -> None:
    """Prints the zoo's table, or writes it into a file."""
    table = zoo.list_models()
    if arguments.update is None:
        print(printable(table))
        print("\nNext: python -m keras_elastic info NAME")
        return
    path = files.as_path(update=arguments.update)
    if not path.is_file():
        raise ValueError(
            f"--update must be a Markdown file. Received: {str(path)!r}, "
            "which does not exist."
        )
    head, begin, rest = path.read_text("utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(
            f"--update must be a file with the lines {BEGIN.strip()} and "
            f"{END.strip()}. Received: {str(path)!r}. Add them around the "
            "place of the table."
        )
    with files.replacing(path) as temporary:
        whole = f"{head}{begin}{table.to_markdown()}\n{end}{tail}"
        temporary.write_text(whole, "utf-8")
    print(f"Wrote the table of {len(table)} entries into {path}.")


def run_info(arguments) -> None:
    """Prints what an entry is, and its front."""
    entry = zoo.find_entry(arguments.name)
    is_supernet = isinstance(entry, zoo.Entry)
    for label, value in (
        ("name", entry.name),
        ("family" if is_supernet else "kind", entry.label),
        ("data set", f"{entry.dataset}, {entry.classes} classes"),
        *(_of_space(entry) if is_supernet else ()),
        ("folder", entry.folder),
    ):
        print(printable(f"{label:<15}{value}"))
    if not entry.is_trained:
        print(
            "\nIt is not trained yet. Train it, in a checkout of the "
            f"repository: python train.py --recipe={printable(entry.name)}"
        )
        return
    if is_supernet:
        print(f"\nIts front, {len(entry.front.rows)} architectures:\n")
        print(_front_table(entry.front))
        print(
            "flops: multiply-adds of one image. latency: of one image, on the "
            "machine of the entry's card."
        )
    else:
        print(f"\nIts front, {len(entry.front.rows)} rows:\n")
        print(_mean_table(entry.front))
        print("flops: mean multiply-adds of an image.")
    print(
        f"\nNext: python -m keras_elastic load {arguments.name} "
        f"--flops={short(entry.front.rows[-1].flops)} --export=served"
    )


def _of_space(entry):
    """What is said of the family of a supernet."""
    space = entry.family.space
    least, most = (
        costs(entry.family.plan(arch, entry.classes))
        for arch in (space.smallest, space.largest)
    )
    return (
        ("architectures", f"{space.size:,}"),
        ("flops", f"{short(least.flops)} to {short(most.flops)}"),
        ("params", f"{short(least.params)} to {short(most.params)}"),
        ("resolutions", ", ".join(map(str, space.resolution))),
    )


def _mean_table(front):
    lines = [("flops", "held-out", "test", "threshold", "file")]
    for row in front.rows:
        lines.append(
            (
                short(row.flops),
                f"{row.held_out_top1:.2%}",
                "" if row.test_top1 is None else f"{row.test_top1:.2%}",
                "" if row.threshold is None else f"{row.threshold:.4f}",
                row.file,
            )
        )
    return "\n".join("".join(f"{x:>12}" for x in line) for line in lines)


def _front_table(front):
    head = ("flops", "params", "resolution", "held-out", "test", "latency")
    lines = [head]
    for row in front.rows:
        latency = "" if row.latency_ms is None else f"{row.latency_ms:.2f} ms"
        lines.append(
            (
                short(row.flops),
                short(row.params),
                str(row.arch.resolution),
                f"{row.held_out_top1:.2%}",
                "" if row.test_top1 is None else f"{row.test_top1:.2%}",
                latency,
            )
        )
    return "\n".join("".join(f"{x:>12}" for x in line) for line in lines)


def run_load(arguments) -> None:
    """Loads a network, says what it is, and exports it."""
    _check_budget(arguments)
    _check_export(arguments)
    dataset = _calibration_set(arguments)
    budget = {
        name: getattr(arguments, name)
        for name in (*BUDGETS, "resolution")
        if getattr(arguments, name) is not None
    }
    model = zoo.load(arguments.name, **budget)
    if not is_preset(arguments.name):
        print(printable(f"Chosen: {_reason(arguments.name, budget)}."))
    resolution = model.input_shape[1]
    print(
        f"{printable(model.name)}: {short(model.count_params())} parameters, "
        f"images of {resolution} x {resolution} pixels, "
        f"{model.output_shape[-1]} classes."
    )
    if arguments.export is None:
        print("Next: the same with --export=DIR.")
        return
    written, following = _export(model, arguments, dataset)
    print(printable(f"Wrote {written}.\nNext: {following}"))


def run_import(arguments) -> None:
    """Makes an entry of a file that others have published."""
    out = files.as_path(out=arguments.out)
    with files.refusing(out=out):
        files.try_writing(out)
    dataset = data.load_dataset(
        arguments.calibrate, arguments.data_dir, limit=_IMPORT_IMAGES
    )
    size = max(KINDS[arguments.kind].make_family().space.resolution)
    # Read again for each network: all at once may not fit into memory.
    batches = data.evaluation_batches(
        dataset.train, batch_size=64, patch_size=size
    )
    entry = import_entry(arguments.kind, arguments.checkpoint, out, batches)
    print(
        printable(
            f"Wrote {out}: {len(entry.front.rows)} networks that its authors "
            f"report, calibrated on {dataset.train.size} images.\n"
            f"Next: python -m keras_elastic load {out} "
            f"--flops={short(entry.front.rows[-1].flops)}"
        )
    )


def _reason(name, budget):
    """Why a network was chosen, for a person to read."""
    entry = zoo.find_entry(name)
    if isinstance(entry, zoo.Entry):
        return zoo.select(name, **budget).reason
    row = entry.choose(selection.Budget(**budget))
    return (
        f"the best of the front of '{entry.name}', at {short(row.flops)} "
        "multiply-adds of an image on average"
    )


def _check_budget(arguments):
    for name in BUDGETS:
        value = getattr(arguments, name)
        if value is not None and not math.isfinite(value):
            raise ValueError(
                f"--{name} must be a finite number. Received: --{name}={value}."
            )


def _check_export(arguments):
    if arguments.quantization and arguments.format != "litert":
        raise ValueError(
            "--quantization is of --format=litert. Received: "
            f"--format={arguments.format}. Leave --quantization out, or pass "
            "--format=litert."
        )
    if arguments.dataset and arguments.quantization != "int8":
        raise ValueError(
            "--dataset is of --quantization=int8. Received: --quantization="
            f"{arguments.quantization}. Leave --dataset out."
        )
    if arguments.export is not None:
        folder = files.as_path(export=arguments.export)
        with files.refusing(export=folder):
            files.try_writing(folder)


def _calibration_set(arguments):
    """The data set that the ranges of int8 are measured on."""
    if arguments.quantization != "int8":
        return None
    name = arguments.dataset or zoo.find_entry(arguments.name).dataset
    return data.load_dataset(
        name, arguments.data_dir, limit=_CALIBRATION_IMAGES
    )


def _calibration_images(dataset, model):
    """Training images, as a model takes them."""
    if dataset is None:
        return None
    batches = data.evaluation_batches(
        dataset.train, batch_size=32, patch_size=model.input_shape[1]
    )
    return [images for images, _ in batches]


def _export(model, arguments, dataset):
    """Returns what was written, and what to do with it."""
    folder = files.as_path(export=arguments.export)
    stem = folder / model.name
    if arguments.format == "saved_model":
        version = export.next_version(folder)
        written = export.saved_model(model, folder, version)
        return written, (
            f"tensorflow_model_server --model_name={model.name} "
            f"--model_base_path={folder.resolve()} --rest_api_port=8501"
        )
    if arguments.format == "litert":
        kind = arguments.quantization
        name = f"{model.name}_{kind}" if kind else model.name
        path = folder / f"{name}.tflite"
        images = _calibration_images(dataset, model)
        return export.litert(model, path, kind, images), (
            "run it with ai_edge_litert.interpreter.Interpreter"
            f"({str(path)!r}).get_signature_runner('classify')"
        )
    if arguments.format == "preset":
        return zoo.save_preset(
            model, stem
        ), f"keras_elastic.load({str(stem)!r})"
    path = stem.with_suffix(".keras")
    with files.replacing(path) as temporary:
        uncompiled(model).save(temporary)
    return path, f"keras.saving.load_model({str(path)!r})"

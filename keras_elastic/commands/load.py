"""`keras-elastic load`: the best network within a budget, exported."""

import math
import pathlib

FORMATS = ("saved_model", "litert", "preset", "keras", "onnx", "openvino")
BUDGETS = ("flops", "params", "memory", "latency_ms")
QUANTIZATIONS = ("float16", "dynamic", "int8")
# A folder that `.gitignore` knows.
_SERVED = "served"
_CALIBRATION_IMAGES = 200


def add(commands):
    """Adds the command to those of a parser."""
    command = commands.add_parser(
        "load", help="take the best network within a budget, and export it"
    )
    command.add_argument(
        "name", metavar="NAME", help="a name of the zoo, or a folder"
    )
    add_budget(command)
    command.add_argument(
        "--export",
        metavar="DIR",
        nargs="?",
        const=True,
        help=f"folder to write to; without DIR, {_SERVED}/ and the name of "
        "the network",
    )
    command.add_argument(
        "--format",
        choices=FORMATS,
        help="what --export writes [saved_model]",
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
    command.set_defaults(run=run)


def add_budget(command) -> None:
    """Adds the flags that choose a network of an entry.

    Args:
        command: Parser of a command.
    """
    for name, text in (
        ("flops", "most multiply-adds of one image, as 4e8"),
        ("params", "most trainable weights"),
        ("memory", "most bytes of activations of one image"),
        ("latency_ms", "most milliseconds, by --latency_table"),
    ):
        command.add_argument(f"--{name}", type=float, help=text)
    command.add_argument(
        "--latency_table",
        metavar="FILE",
        help="latencies of a device, as `keras-elastic search --measure` "
        "writes them",
    )
    command.add_argument(
        "--resolution",
        type=int,
        help="the pixels of an image's side [what the best network takes]",
    )


def budget_of(arguments) -> dict:
    """Returns the budget of a command line, as `keras_elastic.load` takes it.

    Args:
        arguments: Parsed arguments, of what `add_budget` has added.

    Raises:
        ValueError: A number is not finite.
    """
    for name in BUDGETS:
        value = getattr(arguments, name)
        if value is not None and not math.isfinite(value):
            raise ValueError(
                f"--{name} must be a finite number. Received: --{name}={value}."
            )
    given = (*BUDGETS, "latency_table", "resolution")
    values = {name: getattr(arguments, name) for name in given}
    return {name: x for name, x in values.items() if x is not None}


def run(arguments) -> None:
    """Loads a network, says what it is, and exports it."""
    from keras_elastic import startup
    from keras_elastic import zoo
    from keras_elastic.selection.budget import short
    from keras_elastic.untrusted import printable
    from keras_elastic.zoo import hub

    budget = budget_of(arguments)
    _check_export(arguments)
    # Once: every look at an address asks the hub.
    arguments.name = str(hub.pulled(arguments.name))
    if not pathlib.Path(arguments.name).is_dir():
        # An unknown name is refused before Keras is imported.
        zoo.find_entry(arguments.name)
    startup.import_quietly()
    from keras_elastic.zoo.preset import is_preset

    dataset = _calibration_set(arguments)
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
        print("Next: the same with --export.")
        return
    written, following = _export(model, arguments, dataset)
    print(printable(f"Wrote {written}.\nNext: {following}"))


def _reason(name, budget):
    """Why a network was chosen, for a person to read."""
    from keras_elastic import selection
    from keras_elastic import zoo
    from keras_elastic.selection.budget import short

    entry = zoo.find_entry(name)
    if isinstance(entry, zoo.Entry):
        return zoo.select(name, **budget).reason
    row = entry.choose(selection.Budget(**budget))
    return (
        f"the best of the front of '{entry.name}', at {short(row.flops)} "
        "multiply-adds of an image on average"
    )


def _check_export(arguments):
    from keras_elastic import files

    if arguments.format and arguments.export is None:
        raise ValueError(
            "--format says what --export writes. Received: "
            f"--format={arguments.format} without --export. Add --export, or "
            "leave --format out."
        )
    arguments.format = arguments.format or "saved_model"
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
        folder = files.as_path(export=_folder(arguments, _SERVED))
        with files.refusing(export=folder):
            files.try_writing(folder)


def _folder(arguments, name):
    """The folder to write to."""
    is_default = arguments.export is True
    return f"{_SERVED}/{name}" if is_default else arguments.export


def _calibration_set(arguments):
    """The data set that the ranges of int8 are measured on."""
    from keras_elastic import data
    from keras_elastic import zoo

    if arguments.quantization != "int8":
        return None
    name = arguments.dataset or zoo.find_entry(arguments.name).dataset
    return data.load_dataset(
        name, arguments.data_dir, limit=_CALIBRATION_IMAGES
    )


def _calibration_images(dataset, model):
    """Training images, as a model takes them."""
    from keras_elastic import data

    if dataset is None:
        return None
    batches = data.evaluation_batches(
        dataset.train, batch_size=32, patch_size=model.input_shape[1]
    )
    return [images for images, _ in batches]


def _export(model, arguments, dataset):
    """Returns what was written, and what to do with it."""
    from keras_elastic import export
    from keras_elastic import files
    from keras_elastic import zoo
    from keras_elastic.export import interchange
    from keras_elastic.zoo.preset import uncompiled

    folder = files.as_path(export=_folder(arguments, model.name))
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
    if arguments.format in interchange.FORMATS:
        suffix, _, following = interchange.FORMATS[arguments.format]
        path = stem.with_suffix(suffix)
        written = interchange.interchange(model, path, arguments.format)
        return written, following.format(repr(str(path)))
    if arguments.format == "preset":
        return zoo.save_preset(
            model, stem
        ), f"keras_elastic.load({str(stem)!r})"
    path = stem.with_suffix(".keras")
    with files.replacing(path) as temporary:
        uncompiled(model).save(temporary)
    return path, f"keras.saving.load_model({str(path)!r})"

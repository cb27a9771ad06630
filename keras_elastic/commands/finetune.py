"""`keras-elastic finetune`: the network of a budget, trained on your images."""

import functools
import json
import pathlib
import shutil
import sys

from keras_elastic import checks
from keras_elastic.commands import load

# What the folder says of a fine-tuning that it holds, and where checkpoints
# are until it is done.
RECORD, TRAINING = "finetuning.json", "training"
LOG, STARTS = "training.csv", "starts.jsonl"

_FINITE = checks.Rule(
    "a finite number of at least 0",
    lambda value: checks.is_finite(value) and value >= 0,
)
# Defaults are those of `finetune_recipe`; a test holds them equal.
RECIPE = {
    "epochs": (int, 10, checks.POSITIVE_INTEGER, "epochs of all layers"),
    "head_epochs": (
        int,
        2,
        checks.COUNT,
        "epochs of the new head alone before, at most --epochs",
    ),
    "learning_rate": (float, 0.03, checks.RATE, "highest with all layers"),
    "head_learning_rate": (
        float,
        0.1,
        checks.RATE,
        "highest with the head alone",
    ),
    "weight_decay": (float, 1e-4, _FINITE, "of the kernels"),
    "statistics": (
        str,
        "measured",
        checks.choice(("measured", "kept")),
        "those of normalizations: measured on the images at the end, or kept "
        "as they were before",
    ),
}
IMAGES = {
    "batch_size": (int, 32, checks.POSITIVE_INTEGER, "images of a step"),
    "augmentation": (
        str,
        "none",
        checks.STRING,
        "as crop_flip for photos, shift_flip for small images",
    ),
    "seed": (int, 0, checks.COUNT, "of all that is random"),
}


def add(commands) -> None:
    """Adds the command to those of a parser.

    Args:
        commands: What `add_subparsers` of the parser returned.
    """
    command = commands.add_parser(
        "finetune", help="train the network of a budget on your own images"
    )
    command.add_argument(
        "name", metavar="NAME", help="a name of the zoo, a run, or a preset"
    )
    load.add_budget(command)
    command.add_argument(
        "--dataset",
        required=True,
        help="a folder of images, a packed data set, or a name of TensorFlow "
        "Datasets",
    )
    command.add_argument("--data_dir", help="folder of data in TFDS form")
    command.add_argument(
        "--skip_corrupt",
        action="store_true",
        help="leave out the files of a folder that do not decode",
    )
    command.add_argument(
        "--out",
        metavar="DIR",
        required=True,
        help="folder of the preset; where it was begun, the same command goes "
        "on",
    )
    for name, (kind, default, _, text) in {**RECIPE, **IMAGES}.items():
        help_text = f"{text} [{default}]"
        command.add_argument(f"--{name}", type=kind, help=help_text)
    command.set_defaults(run=run)


def run(arguments) -> None:
    """Fine-tunes a network, or what is left of it, and writes the preset."""
    from keras_elastic import startup
    from keras_elastic import zoo
    from keras_elastic.untrusted import printable
    from keras_elastic.zoo import hub
    from keras_elastic.zoo.places import PRESET

    budget = load.budget_of(arguments)
    options = _options(arguments)
    record = {"name": arguments.name, "budget": budget, **options}
    folder = _check_folder(arguments.out, record)
    following = (
        f"Next: keras-elastic evaluate {folder} "
        f"--dataset={arguments.dataset}\n"
        f"      keras-elastic load {folder} --export"
    )
    if (folder / PRESET).is_file():
        shutil.rmtree(folder / TRAINING, ignore_errors=True)
        print(printable(f"{folder} is finished.\n{following}"))
        return
    # Once: every look at an address asks the hub.
    arguments.name = str(hub.pulled(arguments.name))
    if not pathlib.Path(arguments.name).is_dir():
        # An unknown name is refused before Keras is imported.
        zoo.find_entry(arguments.name)
    startup.import_quietly()
    from keras_elastic.training.guard import TrainingLost

    try:
        _finetune(arguments, budget, options, folder, record)
    except TrainingLost as error:
        raise ValueError(str(error)) from error
    except KeyboardInterrupt:
        going_on = "The same command goes on after the last whole epoch."
        print(going_on, file=sys.stderr)
        raise
    print(printable(f"\nWrote {folder}.\n{following}"))


# ------------------------------------------------- what is wrong is said first


def _options(arguments):
    """The options, checked, with their defaults."""
    checks.STRING.check("dataset", arguments.dataset)
    options = {}
    for name, (_, default, rule, _) in {**RECIPE, **IMAGES}.items():
        value = getattr(arguments, name)
        if value is not None:
            rule.check(name, value)
        options[name] = default if value is None else value
    epochs, head_epochs = options["epochs"], options["head_epochs"]
    if arguments.head_epochs is None:
        options["head_epochs"] = min(epochs, head_epochs)
    elif head_epochs > epochs:
        raise ValueError(
            "--head_epochs are those of the head alone before the --epochs of "
            f"all layers, and at most as many. Received: --head_epochs="
            f"{head_epochs} with --epochs={epochs}. Lower it, or raise "
            "--epochs."
        )
    return options


def _check_folder(out, record):
    """The path of the folder, once it may hold this fine-tuning.

    Raises:
        ValueError: It holds something else, or cannot be written.
    """
    from keras_elastic import files
    from keras_elastic import scratch
    from keras_elastic import untrusted
    from keras_elastic.zoo import hub

    if hub.is_address(out):
        raise ValueError(
            "--out must be a folder of this machine. Received: "
            f"--out={out}. Share the preset when it is finished."
        )
    folder = files.as_path(out=out)
    with files.refusing(out=folder):
        files.try_writing(folder)
    scratch.remove_leftovers(folder)
    path = folder / RECORD
    if not path.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise ValueError(
                "--out must be a new folder, or that of a fine-tuning which "
                f"goes on. Received: --out={folder}, which holds something "
                "else. Pass another folder."
            )
        return folder
    begun = untrusted.read_json(
        files.verified(path), "Delete the folder, or pass another one."
    )
    differences = [
        f"`{name}` is {begun.get(name)!r} there and {value!r} here"
        for name, value in json.loads(json.dumps(record)).items()
        if begun.get(name) != value
    ]
    if differences:
        raise ValueError(
            f"The folder '{folder}' holds another fine-tuning: "
            f"{'; '.join(differences)}. Pass another --out, or delete the "
            "folder."
        )
    return folder


# ------------------------------------------------------------- the fine-tuning


def _finetune(arguments, budget, options, folder, record):
    import keras

    from keras_elastic import data
    from keras_elastic import scratch
    from keras_elastic import training
    from keras_elastic import zoo
    from keras_elastic.data.image_checks import check_images
    from keras_elastic.zoo.writing import check_data

    dataset = data.load_dataset(
        arguments.dataset,
        arguments.data_dir,
        skip_corrupt=arguments.skip_corrupt,
    )
    keras.utils.set_random_seed(options["seed"] % 2**32)
    model = zoo.load(arguments.name, classes=dataset.num_classes, **budget)
    recipe = training.finetune_recipe(
        model, **{name: options[name] for name in RECIPE}
    )
    batches = functools.partial(
        data.training_batches,
        dataset.train,
        patch_size=model.input_shape[1],
        **{name: options[name] for name in IMAGES},
    )
    # Refuses what cannot be made.
    steps = len(batches(epoch=0))
    has_begun = check_data(folder, dataset)
    # Of a run that goes on they were decoded, and are the same.
    if not has_begun and not arguments.skip_corrupt:
        check_images(dataset, progress=True)
    with scratch.locked(folder):
        _begin(folder, record, dataset)
        _say(model, recipe, dataset)
        with data.naming_corrupt_files():
            _train(model, recipe, dataset, batches, steps, folder)
        _write(model, recipe, dataset, folder)


def _begin(folder, record, dataset):
    """Writes what the fine-tuning begins with."""
    from keras_elastic import files
    from keras_elastic.training import provenance
    from keras_elastic.zoo.writing import remember_data

    with files.replacing(folder / RECORD, digest=True) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    remember_data(folder, dataset)
    provenance.remember_start(folder / STARTS, seed=record["seed"])


def _say(model, recipe, dataset):
    from keras_elastic.selection.budget import short
    from keras_elastic.untrusted import printable

    size = model.input_shape[1]
    print(
        printable(
            f"{dataset.name}: {dataset.train.size} images to train on, "
            f"{dataset.held_out.size} held out, {dataset.test.size} to report "
            f"on; {dataset.num_classes} classes.\n"
            f"{model.name}: {short(model.count_params())} parameters, images "
            f"of {size} x {size} pixels.\n{recipe}"
        )
    )


def _train(model, recipe, dataset, batches, steps, folder):
    from keras_elastic import data
    from keras_elastic.training.epoch_log import EpochLog
    from keras_elastic.training.finetuning_run import train_stages

    evaluated = functools.partial(
        data.evaluation_batches,
        batch_size=batches.keywords["batch_size"],
        patch_size=batches.keywords["patch_size"],
    )
    train_stages(
        recipe,
        model,
        batches,
        folder / TRAINING,
        steps_per_epoch=steps,
        validation_data=evaluated(dataset.held_out),
        callbacks=[EpochLog(folder / LOG)],
    )
    count = min(recipe.calibration_images, dataset.train.size)
    recipe.measure(model, evaluated(dataset.train, count=count))


def _write(model, recipe, dataset, folder):
    """Reports on the images that were not trained on; writes the preset."""
    from keras_elastic import evaluation
    from keras_elastic.untrusted import printable
    from keras_elastic.zoo import preset
    from keras_elastic.zoo.evaluation import with_error

    lines = []
    for split in ("held_out", "test"):
        count = getattr(dataset, split).size
        if not count:
            continue
        report = evaluation.evaluate(model, dataset, split=split)
        top1 = with_error(report.top1, count)
        lines.append(f"{split.replace('_', '-')} top-1 {top1} ({count} images)")
        if split == "test":
            print(printable(f"\n{report}"))
    print(printable("\n" + "\n".join(lines)))
    about = (
        f"Fine-tuned on {dataset.train.size} images of {dataset.name} "
        f"({dataset.num_classes} classes):\n\n"
    )
    points = "\n".join(
        f"- {line}" for line in [*f"{recipe}".splitlines(), *lines]
    )
    preset.add_preset(
        model, folder, class_names=dataset.class_names, card=about + points
    )
    shutil.rmtree(folder / TRAINING, ignore_errors=True)

"""`evaluate`: how good a network is on labeled images, and where it errs."""

import pathlib
import warnings

from keras_elastic.untrusted import printable

_BUDGETS = ("flops", "params", "memory", "resolution")
_SPLITS = ("test", "held_out", "train", "all")


def add(commands) -> None:
    """Adds the command to the parser.

    Args:
        commands: What `add_subparsers` returned.
    """
    command = commands.add_parser(
        "evaluate", help="measure a network on labeled images"
    )
    command.add_argument(
        "model",
        metavar="MODEL",
        help="a name of the zoo, a run, a preset, or a .keras file",
    )
    for name, text in zip(
        _BUDGETS,
        (
            "most multiply-adds of one image, as 4e8",
            "most trainable weights",
            "most bytes of activations of one image",
            "the input resolution in pixels",
        ),
        strict=True,
    ):
        kind = int if name == "resolution" else float
        command.add_argument(f"--{name}", type=kind, help=text)
    command.add_argument(
        "--dataset",
        help="a folder of images, a packed data set, or a name of TensorFlow "
        "Datasets [what the entry was trained on]",
    )
    command.add_argument("--data_dir", help="folder of data in TFDS form")
    command.add_argument(
        "--split",
        choices=_SPLITS,
        default="test",
        help="which of its images [test]",
    )
    command.add_argument(
        "--against",
        metavar="MODEL",
        help="count what flips between this one and MODEL",
    )
    command.add_argument(
        "--against_flops",
        type=float,
        help="most multiply-adds of the one of --against",
    )
    command.add_argument(
        "--cam", metavar="IMAGE", help="draw where the class of IMAGE is seen"
    )
    command.add_argument(
        "--out", metavar="DIR", help="folder to write, with --cam's picture"
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace the report in --out"
    )
    command.set_defaults(run=run)


def run(arguments) -> None:
    """Evaluates a network, prints a table, and writes its folder."""
    from keras_elastic import data
    from keras_elastic import startup
    from keras_elastic import zoo

    startup.import_quietly()
    from keras_elastic.evaluation import evaluate

    if arguments.against_flops is not None and arguments.against is None:
        raise ValueError(
            "--against_flops is of the network of --against. Received: "
            f"--against_flops={arguments.against_flops} alone. Pass --against."
        )
    budget = {name: getattr(arguments, name) for name in _BUDGETS}
    model = _load(zoo, arguments.model, budget)
    against = None
    if arguments.against is not None:
        budget = {"flops": arguments.against_flops}
        against = _load(zoo, arguments.against, budget)
    name = arguments.dataset or _trained_on(zoo, arguments.model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        report = evaluate(
            model,
            data.load_dataset(name, arguments.data_dir),
            arguments.out,
            split=arguments.split,
            against=against,
            cam=arguments.cam,
            overwrite=arguments.overwrite,
        )
    print(printable(str(report)))
    for warning in caught:
        if warning.category is UserWarning:
            print(printable(f"\nNote: {warning.message}"))
    following = "Next: the same with --out=DIR."
    if arguments.out is not None:
        following = f"Wrote {arguments.out}."
    print(printable(f"\n{following}"))


def _load(zoo, name, budget):
    """A network by the name of an entry, a folder or a file."""
    given = {k: value for k, value in budget.items() if value is not None}
    path = pathlib.Path(name).expanduser()
    if path.suffix != ".keras" or path.is_dir():
        return zoo.load(name, **given)
    if given:
        raise ValueError(
            "A .keras file is one network, so there is nothing to choose. "
            f"Received: {name!r} with {given}. Leave the budget out, or pass "
            "a name of the zoo or a run."
        )
    return _load_file(path)


def _load_file(path):
    import keras

    if not path.is_file():
        raise ValueError(
            "MODEL must be a file that Keras saved. Received: "
            f"{str(path)!r}, which does not exist."
        )
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # Whatever a damaged or odd file raises within Keras.
        raise ValueError(
            f"MODEL must be a file that Keras reads. Received: {str(path)!r}, "
            f"of which Keras says: {error}"
        ) from error


def _trained_on(zoo, name):
    from keras_elastic.zoo.preset import is_preset

    path = pathlib.Path(name).expanduser()
    if path.is_file() or is_preset(name):
        raise ValueError(
            "--dataset must be given for a network that does not say what it "
            f"was trained on. Received: {name!r} alone. Pass a folder of "
            "images, or a name of TensorFlow Datasets."
        )
    return zoo.find_entry(name).dataset

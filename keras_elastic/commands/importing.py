"""`keras-elastic import`: an entry of a supernet that others published."""

from keras_elastic.zoo.imports.kinds import KINDS

_IMPORT_IMAGES = 4000


def add(commands):
    """Adds the command to those of a parser."""
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
    command.set_defaults(run=run)


def run(arguments) -> None:
    """Makes an entry of a file that others have published."""
    from keras_elastic import files
    from keras_elastic import startup

    out = files.as_path(out=arguments.out)
    with files.refusing(out=out):
        files.try_writing(out)
    startup.import_quietly()
    from keras_elastic import data
    from keras_elastic.selection.budget import short
    from keras_elastic.untrusted import printable
    from keras_elastic.zoo.imports.importing import import_entry

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
            f"Next: keras-elastic load {out} "
            f"--flops={short(entry.front.rows[-1].flops)}"
        )
    )

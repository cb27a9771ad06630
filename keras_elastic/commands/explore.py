"""`keras-elastic explore`: an entry as a page to look at."""


def add(commands) -> None:
    """Adds the command to those of a parser.

    Args:
        commands: What `add_subparsers` of the parser returned.
    """
    command = commands.add_parser(
        "explore", help="write a page that shows the networks of an entry"
    )
    command.add_argument(
        "name", metavar="NAME", help="a name of the zoo, or the folder of a run"
    )
    command.add_argument(
        "--out",
        metavar="FILE",
        required=True,
        help="the .html file to write, which needs no network",
    )
    command.add_argument(
        "--evaluated",
        metavar="DIR",
        help="folder of reports, as the page says, for the accuracy by class",
    )
    command.set_defaults(run=run)


def run(arguments) -> None:
    """Writes the page."""
    # TensorFlow is not needed to say what the command takes.
    from keras_elastic import zoo
    from keras_elastic.untrusted import printable

    path = zoo.explore(arguments.name, arguments.out, arguments.evaluated)
    size = path.stat().st_size / 1e3
    print(printable(f"Wrote {path} ({size:.0f} kB). Open it in a browser."))

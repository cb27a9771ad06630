"""`keras-elastic list`: the zoo's entries, as a table."""

# What stands around the table in a Markdown file.
BEGIN, END = "<!-- zoo -->\n", "<!-- /zoo -->"


def add(commands):
    """Adds the command to those of a parser."""
    command = commands.add_parser("list", help="list the zoo's entries")
    command.add_argument(
        "--update",
        metavar="FILE",
        help="write the table into a Markdown file, between "
        f"{BEGIN.strip()} and {END.strip()}",
    )
    command.set_defaults(run=run)


def run(arguments) -> None:
    """Prints the zoo's table, or writes it into a file."""
    from keras_elastic import files
    from keras_elastic import zoo
    from keras_elastic.untrusted import printable

    table = zoo.list_models()
    if arguments.update is None:
        print(printable(table))
        print("\nNext: keras-elastic info NAME")
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

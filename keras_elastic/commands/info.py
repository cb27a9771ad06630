"""`keras-elastic info`: what an entry or a run is, and its front."""

_WIDTH = 12


def add(commands):
    """Adds the command to those of a parser."""
    command = commands.add_parser(
        "info", help="say what an entry or a run is, and what it can do"
    )
    command.add_argument(
        "name", metavar="NAME", help="a name of the zoo, or a folder"
    )
    command.set_defaults(run=run)


def run(arguments) -> None:
    """Prints what an entry is, and its front."""
    from keras_elastic import zoo
    from keras_elastic.selection.budget import short
    from keras_elastic.untrusted import printable

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
            "\nIt is not trained yet. Train it: keras-elastic train "
            f"--recipe={printable(entry.name)}"
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
        f"\nNext: keras-elastic load {arguments.name} "
        f"--flops={short(entry.front.rows[-1].flops)} --export"
    )


def _of_space(entry):
    """What is said of the family of a supernet."""
    from keras_elastic.selection.budget import short
    from keras_elastic.spaces import costs

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
    from keras_elastic.selection.budget import short

    return _table(
        ("flops", "held-out", "test", "threshold", "file"),
        [
            (
                short(row.flops),
                f"{row.held_out_top1:.2%}",
                _given(row.test_top1, "{:.2%}"),
                _given(row.threshold, "{:.4f}"),
                row.file,
            )
            for row in front.rows
        ],
    )


def _front_table(front):
    from keras_elastic.selection.budget import short

    return _table(
        ("flops", "params", "resolution", "held-out", "test", "latency"),
        [
            (
                short(row.flops),
                short(row.params),
                str(row.arch.resolution),
                f"{row.held_out_top1:.2%}",
                _given(row.test_top1, "{:.2%}"),
                _given(row.latency_ms, "{:.2f} ms"),
            )
            for row in front.rows
        ],
    )


def _given(value, text):
    return "" if value is None else text.format(value)


def _table(head, rows):
    return "\n".join(
        "".join(f"{cell:>{_WIDTH}}" for cell in row) for row in (head, *rows)
    )

"""Cards of what is put on a hub: Markdown, and what a hub reads of it.

Every figure is one that the entry itself holds; what nobody has said, such as
the license of a run, is not said.
"""

import re

from keras_elastic.selection.budget import short

_FRONT_MATTER = re.compile(r"---\n(.*?\n)---\n+(.*)", re.DOTALL)
# What a card says where the place is not known yet.
PLACE = "path/to/this/folder"
# Data sets that TensorFlow Datasets and the Hugging Face Hub have both.
_DATASETS = {
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "mnist": "ylecun/mnist",
}
_BODY = """# {name}

{kind}, trained on {dataset}: {count} networks for budgets from {least} to
{most} multiply-adds. Top-1 is a fraction of the images of the split that was
held out to select with, and of the test split.

{table}

Classes: {classes}.

```python
import keras_elastic as ke

model = ke.load("{place}", flops={most})  # checks the files first
```
"""


def split(text: str) -> tuple[str, str]:
    """Splits a card into its front matter, without its marks, and the rest."""
    match = _FRONT_MATTER.fullmatch(text.lstrip() + "\n")
    return (match[1], match[2].rstrip("\n")) if match else ("", text)


def with_front_matter(matter: str, text: str) -> str:
    """Puts front matter before a card, where there is some."""
    return f"---\n{matter.strip()}\n---\n\n{text}" if matter.strip() else text


def of_entry(entry, card: str) -> str:
    """Returns the card of an entry.

    Args:
        entry: A trained entry of any kind.
        card: String. What to say instead of what its own `README.md` says, or
            of its front where it has none.
    """
    own = entry.folder / "README.md"
    matter, text = split(card)
    if not text.strip() and own.is_file():
        own_matter, text = split(own.read_text("utf-8"))
        matter = matter or own_matter
    elif not text.strip():
        text = _describe(entry)
    return with_front_matter(matter, text)


def facts_of_entry(entry, is_in_zoo: bool) -> dict:
    """What a hub reads of an entry: license, data set, results.

    Args:
        entry: A trained entry of any kind.
        is_in_zoo: Boolean. Whether it is one that this library carries, with
            its license.
    """
    rows = entry.front.rows
    ends = [rows[0], rows[-1]] if len(rows) > 1 else [rows[0]]
    results = [
        (f"top-1 at {short(row.flops)} multiply-adds", row.test_top1)
        for row in ends
        if row.test_top1 is not None
    ]
    return {
        "name": entry.name,
        "dataset": entry.dataset,
        "datasets": [_DATASETS[entry.dataset]]
        if entry.dataset in _DATASETS
        else None,
        "license": "apache-2.0" if is_in_zoo else None,
        "results": results,
    }


def _describe(entry):
    rows = entry.front.rows
    names = entry.class_names
    more = ", ..." if len(names) > 20 else ""
    return _BODY.format(
        name=entry.name,
        kind=f"A {entry.label} of the library keras_elastic",
        dataset=entry.dataset,
        count=len(rows),
        least=short(rows[0].flops),
        most=short(rows[-1].flops),
        table=_table(rows),
        classes=f"{len(names)}: {', '.join(names[:20])}{more}",
        place=PLACE,
    )


def _table(rows):
    lines = [("flops", "held-out top-1", "test top-1"), ("---",) * 3]
    for row in rows:
        test = "" if row.test_top1 is None else f"{row.test_top1:.4f}"
        lines.append((short(row.flops), f"{row.held_out_top1:.4f}", test))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

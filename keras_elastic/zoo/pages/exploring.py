"""One page that shows what an entry holds, and why a network was chosen."""

import base64
import hashlib
import html
import json
import os
import pathlib
import re

from keras_elastic import checks
from keras_elastic import files
from keras_elastic.zoo.pages.describing import describe
from keras_elastic.zoo.pages.describing import read_evaluations
from keras_elastic.zoo.places import find_entry

_FOLDER = pathlib.Path(__file__).parent
_MOST_BYTES = 900_000
_MOST_ROWS = (200, 100, 50, 25, 10)
_MARK = re.compile(r"\{\{(\w+)\}\}")
# What ends a script, opens a comment in one, or breaks a line of JavaScript.
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


@checks.arguments(
    name_or_folder=checks.PATH,
    out=checks.PATH,
    evaluated=checks.PATH | checks.NONE,
)
def explore(
    name_or_folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    evaluated: str | os.PathLike[str] | None = None,
) -> pathlib.Path:
    """Writes a page that shows the front of an entry, network by network.

    The page is one HTML file that needs no network: accuracy against each
    cost, with a slider for the budget; the chosen network block by block,
    beside the largest of its space; its costs by stage, the sizes of its
    exports, and the line that loads it. Of a BasisNet, a DS-Net or a cascade
    it shows the mean multiply-adds, and the networks that it is made of.

    Args:
        name_or_folder: Name of a zoo entry, or the folder of a run, with
            weights.
        out: Path of the `.html` file, written whole or not at all. A file
            that exists is replaced.
        evaluated: Path of a folder with what `keras-elastic evaluate` has
            written, to show the accuracy of each class: a report for each
            network, in a folder that is called after its multiply-adds.
            `None` shows how to measure it.

    Returns:
        The path of the file.

    Raises:
        ValueError: The name is unknown, the entry has no weights, its files
            are damaged, the path is none of an `.html` file, or the reports
            are of other networks. Nothing is written then.

    Example:

    ```python
    keras_elastic.zoo.explore("bignas_digits", "digits.html")
    ```
    """
    path = files.as_path(out=out)
    if path.suffix not in (".html", ".htm"):
        raise ValueError(
            "`out` must be the path of an .html file. Received: "
            f"{str(path)!r}. Pass, for instance, 'page.html'."
        )
    entry = find_entry(name_or_folder)
    if not entry.is_trained:
        raise ValueError(
            "`name_or_folder` must be an entry with weights, whose front is "
            f"there to show. Received: '{entry.name}', which is not trained "
            "yet. Train it, in a checkout of the repository: `python train.py "
            f"--recipe={entry.name}`."
        )
    evaluations = None
    if evaluated is not None:
        evaluations = read_evaluations(evaluated, entry)
    text = render(entry, str(name_or_folder), evaluations)
    with files.replacing(path) as temporary:
        temporary.write_text(text, "utf-8")
    return path


def render(entry, name, evaluations=None) -> str:
    """Returns the page of an entry.

    Args:
        entry: Entry with weights, of any kind.
        name: String. What `load` takes.
        evaluations: As `describe`.
    """
    for most_rows in _MOST_ROWS:
        text = _fill(describe(entry, name, most_rows, evaluations))
        if len(text.encode()) <= _MOST_BYTES:
            break
    return text


def _fill(described):
    style, script = (
        (_FOLDER / f"explore.{suffix}").read_text("utf-8")
        for suffix in ("css", "js")
    )
    data = json.dumps(described, separators=(",", ":"), allow_nan=False)
    parts = {
        "title": html.escape(described["name"]),
        # Nothing is loaded, and nothing else runs.
        "policy": "default-src 'none'; img-src data:; "
        f"style-src {_hash(style)}; script-src {_hash(script)}",
        "style": style,
        "script": script,
        "data": data.translate(_ESCAPES),
    }
    page = (_FOLDER / "explore.html").read_text("utf-8")
    # In one pass: what is filled in may look like a mark.
    return _MARK.sub(lambda match: parts[match[1]], page)


def _hash(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"

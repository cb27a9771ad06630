"""Files that are written whole or not at all, and checked when read."""

import contextlib
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def replacing(path) -> Iterator[pathlib.Path]:
    """Yields a temporary path that becomes `path` when all went well.

    The temporary file lies beside `path` and has its suffixes, so that
    writers that look at them do as they would for `path`. After an error it is
    removed and `path` is as it was.

    Example:

    ```python
    with replacing("front.csv") as temporary:
        temporary.write_text("flops,accuracy\\n")
    ```
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        temporary = pathlib.Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)


def sha256(path) -> str:
    """Returns the hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()

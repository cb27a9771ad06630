"""What a page of an entry holds, read as a browser would."""

import json
import pathlib
import re

_DATA = re.compile(
    r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL
)


def read(page):
    """The data of a page, from its path or its text."""
    if isinstance(page, pathlib.Path):
        page = page.read_text("utf-8")
    [text] = _DATA.findall(page)
    return json.loads(text)

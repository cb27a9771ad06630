import base64
import hashlib
import json
import re
import shutil

import exploring_pages
import numpy as np
import pytest

import keras_elastic as ke
from keras_elastic import families
from keras_elastic import zoo
from keras_elastic.selection import Front
from keras_elastic.selection import FrontRow
from keras_elastic.spaces import costs
from keras_elastic.zoo.pages import exploring
from keras_elastic.zoo.writing import write_model

NAME = "bignas_digits"
# Would end the script, begin a comment in it, fill a mark, or run.
NASTY = (
    "</script><script>alert(1)</script>",
    "<!--",
    "{{script}}",
    "\u2028'\"",
)


@pytest.fixture
def folder(tmp_path):
    """A copy of an entry, to be changed."""
    return shutil.copytree(zoo.find_entry(NAME).folder, tmp_path / "tiny")


@pytest.fixture(scope="module")
def text():
    return exploring.render(zoo.find_entry(NAME), NAME)


def test_a_page_is_written(tmp_path, text):
    path = zoo.explore(NAME, tmp_path / "new" / "page.html")
    assert path == tmp_path / "new" / "page.html"
    assert path.read_text("utf-8") == text
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]


def test_a_page_needs_nothing_else(text):
    assert not re.search(r"(src|href)=\"(?!data:)", text)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp|import\(", text)
    # All addresses are names of a vocabulary.
    addresses = set(re.findall(r"https?://[\w./]+", text))
    assert addresses == {"http://www.w3.org/2000/svg"}
    assert len(text.encode()) < 100_000


def test_nothing_else_may_run(text):
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy.startswith("default-src 'none'")
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        [inside] = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = hashlib.sha256(inside.encode()).digest()
        hashed = base64.b64encode(digest).decode()
        assert f"{directive} 'sha256-{hashed}'" in policy
    assert "unsafe" not in policy


def test_names_of_users_are_texts(folder, tmp_path):
    names = [f"{name}{n}" for n in range(3) for name in NASTY][:10]
    path = folder / "model.json"
    model = json.loads(path.read_text("utf-8"))
    model |= {"class_names": names, "name": NASTY[0], "dataset": NASTY[1]}
    path.write_text(json.dumps(model), "utf-8")
    page = ke.zoo.explore(folder, tmp_path / "page.html").read_text("utf-8")
    data = exploring_pages.read(page)
    assert data["class_names"] == names
    assert (data["name"], data["dataset"]) == NASTY[:2]
    assert "alert(1)</script>" not in page
    assert "&lt;/script&gt;" in page
    # Those of the page itself, and no more.
    assert page.count("<script") == page.count("</script>") == 2


def test_a_run_is_loaded_by_its_folder(folder, tmp_path):
    moved = shutil.move(folder, tmp_path / "it's mine")
    page = zoo.explore(moved, tmp_path / "page.html")
    data = exploring_pages.read(page)
    assert data["python"] == repr(str(moved))


def front_of(family, classes, count):
    """Of random architectures, which share few blocks."""
    rng = np.random.default_rng(0)
    archs = [family.space.sample(rng) for _ in range(count)]
    counted = [costs(family.plan(arch, classes)) for arch in archs]
    pairs = sorted(zip(counted, archs, strict=True), key=lambda pair: pair[0])
    return Front(
        FrontRow(arch, *spent, place / count, 1.0)
        for place, (spent, arch) in enumerate(pairs)
    )


def entry_of(name, classes, count):
    family = families.get(name)
    return FakeEntry(family, classes, front_of(family, classes, count))


def test_rows_are_left_out_for_size(monkeypatch):
    entry = entry_of(NAME, 10, 60)
    text = exploring.render(entry, "any")
    assert len(exploring_pages.read(text)["rows"]) == 60
    most = len(text.encode()) - 1
    monkeypatch.setattr(exploring, "_MOST_BYTES", most)
    text = exploring.render(entry, "any")
    data = exploring_pages.read(text)
    assert len(text.encode()) <= most
    assert data["front"] == 60 > len(data["rows"]) >= 10
    assert data["rows"][-1]["flops"] == entry.front.rows[-1].flops


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "attentivenas",
        pytest.param("ofa_resnet50", marks=pytest.mark.exhaustive),
    ],
)
def test_a_large_front_makes_no_large_page(name):
    text = exploring.render(entry_of(name, 1000, 400), "any")
    assert len(text.encode()) <= 1_000_000


class FakeEntry(zoo.Entry):
    """An entry without files."""

    family = front = classes = class_names = None
    kind, name, dataset = "supernet", "fake", "none"

    def __init__(self, family, classes, front):
        self.family, self.classes, self.front = family, classes, front
        self.class_names = tuple(f"class {n}" * 20 for n in range(classes))


# Bad input


def test_an_entry_without_weights(tmp_path):
    write_model(
        tmp_path / "new",
        name="new",
        family=families.get(NAME),
        dataset="digits",
        class_names=("0", "1"),
    )
    with pytest.raises(ValueError, match="`name_or_folder`.*--recipe=new"):
        zoo.explore(tmp_path / "new", tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_damaged_front(folder, tmp_path):
    (folder / "front.csv").write_text("flops\n1\n")
    with pytest.raises(ValueError, match="front.csv is damaged"):
        zoo.explore(folder, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("out", ["page.pdf", "page", "."])
def test_a_path_of_no_page(tmp_path, out):
    with pytest.raises(ValueError, match="`out` must be the path of an .html"):
        zoo.explore(NAME, tmp_path / out)


def test_a_place_that_takes_no_file(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.html").mkdir()
    for out in ("file/page.html", "folder.html"):
        with pytest.raises(ValueError, match=out.partition("/")[0]):
            zoo.explore(NAME, tmp_path / out)
    assert list((tmp_path / "folder.html").iterdir()) == []


def test_a_page_that_is_there_stays_after_an_error(
    tmp_path, folder, monkeypatch
):
    path = tmp_path / "page.html"
    path.write_text("old")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", fail)
    with pytest.raises(OSError):
        zoo.explore(folder, path)
    assert path.read_bytes() == b"old"
    assert {p.name for p in tmp_path.iterdir()} == {"page.html", "tiny"}

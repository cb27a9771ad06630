"""Examples in docstrings and on pages run as they stand."""

import dataclasses
import doctest
import functools
import importlib
import json
import operator
import pathlib
import pkgutil
import re
import runpy
import shlex
import subprocess
import sys

import forked
import keras
import numpy as np
import pytest
import tensorflow as tf
from hub_server import TOKEN
from hub_server import Hub

import keras_elastic
from keras_elastic import command_line
from keras_elastic.zoo import places

ROOT = pathlib.Path(__file__).parents[1]
MODULES = [
    module.name
    for module in pkgutil.walk_packages(
        keras_elastic.__path__, "keras_elastic."
    )
]
PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "docs").rglob("*.ipynb")),
]
CODE = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(
    r"(?:python (?=\S+\.py)|(?=keras-elastic ))"
    r"(keras-elastic|[a-z_]+\.py|benchmarks/\w+\.py)\b([^`\n#|]*)"
)
# How British English spells what this project writes about.
BRITISH = re.compile(
    r"\w*(?:al|ant|el|er|eg|im|it|or)is(?:e[ds]?|ing|ations?)\b"
    r"|\b(?:behaviour|centre|colour|fulfil|grey|licence|neighbour)s?\b"
)
# Libraries that one backend needs, and the others do without.
OPTIONAL = {"torch"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def load(name):
    """Imports a module, or skips the test that needs it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"needs {error.name}")


def short_family():
    """The family of the digits with one block a stage, to be traced soon."""
    stages = keras_elastic.families.get("bignas_digits").stages
    return keras_elastic.families.get(
        "bignas_digits",
        stages=tuple(
            dataclasses.replace(stage, depth=(1,)) for stage in stages
        ),
    )


@pytest.fixture(scope="module")
def names():
    """What examples may use without making it."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (32, 8, 8, 3)).astype("uint8")
    labels = rng.integers(0, 10, 32)
    return {
        "keras": keras,
        "keras_elastic": keras_elastic,
        "np": np,
        "tf": tf,
        "images": images,
        "held_out_batches": [(255 - images, labels)],
        "supernet": keras_elastic.Supernet(short_family(), classes=10),
    }


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = load(name)
    result = doctest.testmod(module, extraglobs=names, optionflags=FLAGS)
    assert result.failed == 0


def test_there_are_examples():
    parser = doctest.DocTestParser()
    examples = [
        example
        for path in (ROOT / "keras_elastic").rglob("*.py")
        for example in parser.get_examples(path.read_text("utf-8"))
    ]
    assert len(examples) > 20


# Pages


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def text_of(page):
    """The Markdown of a page; of a notebook, with its cells of code fenced."""
    text = page.read_text("utf-8")
    if page.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join(
        f"```python\n{''.join(cell['source'])}\n```"
        if cell["cell_type"] == "code"
        else "".join(cell["source"])
        for cell in cells
    )


def with_code():
    return [page for page in PAGES if CODE.search(text_of(page))]


@pytest.fixture(scope="module")
def hub():
    """The variables that lead to a hub on loopback, for what is shared."""
    with Hub() as server:
        server.start()
        yield {
            "HF_ENDPOINT": server.url,
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1",
        }
        server.shutdown()


# What they call is called by other pages or by tests of what they are about.
REPEATED = {
    "docs/conditional.md",
    "docs/detection.md",
    "docs/export.md",
    "docs/loading.md",
    "docs/published_weights.md",
    "docs/search.md",
    "docs/sharing.md",
    *map(name_of, (ROOT / "docs").rglob("*.ipynb")),
    "docs/training.md",
}


def to_run():
    """Pages with code, but for those whose code the README has, too."""
    readme = CODE.findall(text_of(ROOT / "README.md"))
    return [
        page
        for page in with_code()
        if page.name == "README.md"
        or not set(CODE.findall(text_of(page))) <= set(readme)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            marks=pytest.mark.exhaustive if name_of(page) in REPEATED else (),
        )
        for page in to_run()
    ],
    ids=name_of,
)
def test_the_python_of_a_page_runs_as_a_user_would_run_it(page, tmp_path, hub):
    code = "\n".join(CODE.findall(text_of(page)))
    # That it runs is tested here, and not how far it comes.
    code = re.sub(r"^EPOCHS = \d+", "EPOCHS = 1", code, flags=re.MULTILINE)
    home = str(tmp_path / "hugging_face")
    run = forked.run("-c", code, cwd=tmp_path, HF_HOME=home, **hub)
    assert run.returncode == 0, run.stderr[-3000:]


@pytest.mark.slow
def test_the_python_of_pages_has_the_types_of_the_package(tmp_path):
    """Names, keywords and types, also of pages that are seldom run."""
    for page in with_code():
        code = "\n".join(CODE.findall(text_of(page)))
        file = tmp_path / f"page_{page.stem}{page.suffix[1:]}.py"
        file.write_text(code, "utf-8")
    checked = run_mypy(tmp_path)
    assert checked.returncode == 0, checked.stdout
    (tmp_path / "wrong.py").write_text(
        "import keras_elastic as ke\n\nke.load('bignas', flopz=1)\n", "utf-8"
    )
    assert run_mypy(tmp_path).returncode == 1


def run_mypy(folder):
    """Checks the files of a folder against the package."""
    return subprocess.run(
        [sys.executable, "-m", "mypy", *map(str, folder.glob("*.py"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("page", with_code(), ids=name_of)
def test_the_names_of_the_package_on_a_page_exist(page):
    for code in CODE.findall(text_of(page)):
        for names in re.findall(r"(?<![\w.])ke((?:\.\w+)+)", code):
            # Of what is returned, which has a call before it, mypy knows.
            operator.attrgetter(names[1:])(keras_elastic)


def test_pages_have_code():
    assert {"README.md", "docs/index.md", "docs/export.md"} <= {
        name_of(page) for page in with_code()
    }
    assert len(with_code()) >= 9


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_files_that_exist(page):
    for link in re.findall(r"\]\(([^)#]+)", text_of(page)):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_is_in_american_english(page):
    found = BRITISH.search(text_of(page))
    assert found is None, found[0]


def test_the_readme_is_short():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(readme.split()) <= 1500
    assert len(readme.splitlines()) <= 220


def test_the_families_have_the_figures_of_the_code():
    table = runpy.run_path(str(ROOT / "benchmarks" / "families_table.py"))
    page = (ROOT / "docs" / "families.md").read_text("utf-8")
    for name in keras_elastic.families.names():
        figures = " | ".join(table["figures"](name))
        [row] = re.findall(rf"^\| `{re.escape(name)}` \|.*M \|$", page, re.M)
        assert row.endswith(f"| {figures} |")


# Commands


def commands():
    """Scripts, arguments and pages of the commands of all pages."""
    for page in PAGES:
        text = text_of(page).replace("\\\n", " ")
        for script, arguments in COMMAND.findall(text):
            yield script, arguments, name_of(page)


@pytest.fixture(scope="module")
def flags_of():
    """A function from a script to the names of its flags."""

    @functools.cache
    def flags(script):
        path = ROOT / script
        if path.parent != ROOT:
            return set(re.findall(r'"--(\w+)"', path.read_text("utf-8")))
        shown = forked.run(path, "--helpfull")
        names = re.findall(r"^ +--(?:\[no\])?(\w+):", shown.stdout, re.M)
        assert "seed" in names, shown.stderr
        return {"help", *names}

    return flags


@pytest.mark.slow
def test_the_flags_of_commands_exist(flags_of):
    seen = set()
    for script, arguments, page in commands():
        seen.add(script)
        if script == "keras-elastic":
            name = arguments.split()[0]
            if name not in ("train", "search"):
                continue
            script = f"{name}.py"
        given = set(re.findall(r"--(\w+)", arguments))
        assert given <= flags_of(script), (page, script, arguments)
    assert {"keras-elastic", "train.py", "benchmarks/dsnet.py"} <= seen


def test_commands_of_the_zoo_are_understood():
    found = [
        shlex.split(arguments)
        for script, arguments, page in commands()
        # Which names commands, and gives none.
        if script == "keras-elastic" and page != "CHANGELOG.md"
    ]
    known = {"train", "search", "list", "info", "load", "import"}
    known |= {"evaluate", "explore", "finetune"}
    assert known <= {arguments[0] for arguments in found}
    parser = command_line.make_parser()
    for arguments in found:
        # Help ends the process.
        if "--help" not in arguments:
            assert parser.parse_args(arguments).run


def test_recipes_of_commands_exist():
    names = {
        name
        for _, arguments, _ in commands()
        for name in re.findall(r"--recipe=([a-z]\w+)", arguments)
    }
    assert "bignas" in names
    for name in names:
        assert places.recipe_file(name).exists()

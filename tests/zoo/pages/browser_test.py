"""A page of an entry in a browser, as its reader uses it."""

import re
import shutil

import pytest

from keras_elastic import zoo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NAME = "bignas_cifar10"
# Milliseconds until a page is drawn.
MOST_TIME = 1000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium"),
]


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    return zoo.explore(NAME, path).as_uri()


class Reader:
    """A page that was opened, and what the browser complained of."""

    def __init__(self, browser, address, width=1280, **options):
        self.context = browser.new_context(
            viewport={"width": width, "height": 800},
            permissions=["clipboard-read", "clipboard-write"],
            offline=True,
            **options,
        )
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("console", lambda m: self.complaints.append(m.text))
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.goto(address)

    def text(self, selector):
        return self.page.locator(selector).inner_text()

    @property
    def line(self):
        return self.text("#lines code >> nth=0")

    def press(self, *keys):
        self.page.locator("#slider").focus()
        for key in keys:
            self.page.keyboard.press(key)

    def overflow(self):
        return self.page.evaluate(
            "document.documentElement.scrollWidth - innerWidth"
        )


@pytest.fixture
def reader(browser, address):
    reader = Reader(browser, address)
    yield reader
    reader.context.close()
    assert reader.complaints == []


@pytest.fixture(scope="module")
def front():
    return zoo.find_entry(NAME).front.rows


def flops_of(line):
    return int(re.search(r"flops=(\d+)", line)[1])


def test_the_slider_walks_along_the_front(reader, front):
    reader.press("Home")
    found = [flops_of(reader.line)]
    for _ in front[1:]:
        reader.press("ArrowRight")
        found.append(flops_of(reader.line))
    assert found == [row.flops for row in front]
    reader.press("ArrowRight")
    assert flops_of(reader.line) == front[-1].flops
    reader.press("ArrowLeft", "ArrowLeft")
    assert flops_of(reader.line) == front[-3].flops


def test_all_that_is_shown_goes_with_the_slider(reader, front):
    parts = ("#score", "#why", "#tiles", "#lines", "#networks", "#stages")
    parts = (*parts, "#exports", "#classes", "#chart")
    shown = []
    for key, row in (("Home", front[0]), ("End", front[-1])):
        reader.press(key)
        shown.append([reader.page.inner_html(part) for part in parts])
        assert f"{row.test_top1:.2%}"[:-1] in reader.text("#score")
        own = reader.page.locator(".blocks .own").all_inner_texts()
        skipped = sum(text.startswith("skipped") for text in own)
        largest = zoo.find_entry(NAME).family.space.largest
        assert skipped == sum(largest.depth) - sum(row.arch.depth)
    for part, first, last in zip(parts, *shown, strict=True):
        assert first != last, part


def test_the_mouse_moves_the_slider(reader, front):
    box = reader.page.locator("#slider").bounding_box()
    place = (box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    reader.page.mouse.click(*place)
    assert flops_of(reader.line) == front[-1].flops


def test_a_budget_is_typed(reader, front):
    reader.page.locator("#budget").fill("10e6")
    reader.page.keyboard.press("Enter")
    within = [row for row in front if row.flops <= 10e6]
    assert flops_of(reader.line) == within[-1].flops
    for text in ("1", "lots"):
        reader.page.locator("#budget").fill(text)
        reader.page.keyboard.press("Enter")
        assert reader.text("#problem") != ""
    assert flops_of(reader.line) == front[0].flops


def test_other_costs(reader, front):
    reader.page.get_by_text("parameters", exact=True).first.click()
    reader.press("Home")
    least = min(front, key=lambda row: row.params)
    assert f"params={least.params})" in reader.line
    reader.page.get_by_text("latency", exact=True).first.click()
    reader.press("Home")
    fastest = min(front, key=lambda row: row.latency_ms)
    assert flops_of(reader.line) == fastest.flops


def test_a_line_is_copied(reader):
    reader.press("Home")
    button = reader.page.locator("#lines button >> nth=0")
    button.click()
    reader.page.get_by_text("Copied").wait_for()
    copied = reader.page.evaluate("navigator.clipboard.readText()")
    assert copied == reader.line
    assert copied.startswith(f"model = ke.load('{NAME}', flops=")


def test_the_address_keeps_the_budget(browser, address, front):
    row = front[5]
    reader = Reader(browser, f"{address}#flops={row.flops}")
    assert flops_of(reader.line) == row.flops
    reader.press("ArrowRight")
    reader.page.wait_for_url(f"**#flops={front[6].flops}", timeout=5000)
    reader.page.reload()
    assert flops_of(reader.line) == front[6].flops
    reader.context.close()
    assert reader.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(browser, address, scheme):
    reader = Reader(browser, address, width=360, color_scheme=scheme)
    reader.page.locator("summary h2").click()
    assert reader.overflow() <= 0
    # No text is smaller than what can be read, or lies outside of the screen.
    sizes = reader.page.evaluate(
        "[...document.querySelectorAll('body *:not(svg *)')]"
        ".filter(e => e.offsetWidth && e.childNodes.length)"
        ".map(e => parseFloat(getComputedStyle(e).fontSize))"
    )
    assert min(sizes) >= 11
    wide = reader.page.evaluate(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest("
        "'.scroll, .hidden, svg')).filter(e => "
        "e.getBoundingClientRect().right > innerWidth).length"
    )
    assert wide == 0
    reader.context.close()
    assert reader.complaints == []


def test_it_opens_at_once(browser, address):
    times = []
    for _ in range(3):
        reader = Reader(browser, address)
        times.append(
            reader.page.evaluate(
                "performance.getEntriesByType('navigation')[0].loadEventEnd"
            )
        )
        assert reader.text("#score").endswith("test split")
        reader.context.close()
    assert min(times) < MOST_TIME

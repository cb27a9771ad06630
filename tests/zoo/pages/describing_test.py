import json

import pytest

from keras_elastic import selection
from keras_elastic import zoo
from keras_elastic.zoo.pages import describing

NAME = "bignas_digits"


@pytest.fixture(scope="module")
def entry():
    return zoo.find_entry(NAME)


def test_rows_are_those_of_the_front(entry):
    described = describing.describe(entry, NAME, 100)
    assert described["front"] == len(entry.front.rows)
    for shown, row in zip(described["rows"], entry.front.rows, strict=True):
        assert shown["latency"] == row.latency_ms
        assert (shown["held_out"], shown["test"]) == (
            row.held_out_top1,
            row.test_top1,
        )
        [place] = shown["networks"]
        network = described["networks"][place]
        for name in ("flops", "params"):
            assert shown[name] == network[name] == getattr(row, name)
        assert network["memory"] == row.memory
        assert network["resolution"] == row.arch.resolution


def test_the_lines_choose_the_rows(entry):
    described = describing.describe(entry, NAME, 100)
    for shown, row in zip(described["rows"], entry.front.rows, strict=True):
        budget = selection.Budget(flops=shown["budget"])
        assert entry.front.best(budget, NAME) == row
    # By parameters, those that no other beats are chosen.
    best = entry.front.best(selection.Budget(params=row.params), NAME)
    assert best == row


def test_the_largest_is_that_of_the_space(entry):
    described = describing.describe(entry, NAME, 100)
    largest = described["largest"]
    assert min(largest["blocks"]) >= 0
    for network in described["networks"]:
        assert network["flops"] <= largest["flops"]
        assert len(network["blocks"]) == len(described["plans"][0])


def test_a_long_front_keeps_its_ends(entry):
    rows = entry.front.rows
    shown = describing.describe(entry, NAME, 5)["rows"]
    assert len(shown) == 5
    assert shown[0]["flops"] == rows[0].flops
    assert shown[-1]["flops"] == rows[-1].flops
    kept = rows[1].flops
    shown = describing.describe(entry, NAME, 2, {kept: "measured"})["rows"]
    assert [row["evaluated"] for row in shown] == [None, "measured", None]


def test_names_are_quoted(entry):
    described = describing.describe(entry, "my runs/it's", 5)
    assert described["python"] == '"my runs/it\'s"'
    assert described["shell"] == "'my runs/it'\"'\"'s'"


# Evaluations


def write_report(folder, entry, name=None, **changes):
    """What `keras-elastic evaluate` writes."""
    report = {
        "model": "any",
        "dataset": "digits",
        "split": "test",
        "images": 360,
        "top1": 0.95,
        "accuracy_by_class": {c: 0.95 for c in entry.class_names},
        **changes,
    }
    path = folder / str(name or entry.front.rows[0].flops) / "report.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(report))


def test_evaluations(entry, tmp_path):
    accuracies = dict.fromkeys(entry.class_names, 0.9)
    accuracies |= {"3": 0.5, "7": None}
    write_report(tmp_path, entry, accuracy_by_class=accuracies)
    read = describing.read_evaluations(tmp_path, entry)
    [(budget, shown)] = read.items()
    assert budget == entry.front.rows[0].flops
    assert (shown["images"], shown["split"]) == (360, "test")
    # The worst first, those without images last.
    assert shown["classes"][0] == ("3", 0.5)
    assert shown["classes"][-1] == ("7", None)
    described = describing.describe(entry, NAME, 5, read)
    assert described["rows"][0]["evaluated"] == shown


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "12"},
        {"name": "report"},
        {"accuracy_by_class": {"cat": 0.5}},
        {"accuracy_by_class": [0.5] * 10},
        {"accuracy_by_class": dict.fromkeys("0123456789", 1.5)},
        {"top1": "high"},
        {"images": None},
    ],
)
def test_wrong_evaluations(entry, tmp_path, changes):
    write_report(tmp_path, entry, **changes)
    with pytest.raises(ValueError, match="`evaluated`"):
        describing.read_evaluations(tmp_path, entry)


def test_no_evaluations(entry, tmp_path):
    with pytest.raises(ValueError, match="`evaluated`.*a folder of reports"):
        describing.read_evaluations(tmp_path / "absent", entry)

"""What a page says of an entry, as values that JSON takes."""

import math
import shlex

from keras_elastic import checks
from keras_elastic import files
from keras_elastic import untrusted
from keras_elastic.selection import Budget
from keras_elastic.zoo.entry import Entry
from keras_elastic.zoo.pages import facts

_MOST_NAMES = 1000
_MOST_LETTERS = 80


def describe(entry, name, most_rows, evaluations=None) -> dict:
    """Describes an entry and its front.

    Args:
        entry: Entry with weights, of any kind.
        name: String. What `load` takes.
        most_rows: Integer. Rows of a longer front are left out evenly, but
            for those with evaluations.
        evaluations: Dictionary of what `read_evaluations` returns.

    Returns:
        Dictionary. `rows` are those of the front, each with its accuracies
        and the numbers of its `networks`; each network has the numbers of its
        `blocks`, whose names and stages are its `plan` in `plans`.
    """
    described = {
        "kind": entry.kind,
        "name": _cut(entry.name),
        "label": entry.label,
        "dataset": _cut(entry.dataset),
        "classes": entry.classes,
        "class_names": [_cut(n) for n in entry.class_names[:_MOST_NAMES]],
        "python": repr(name),
        "shell": shlex.quote(name),
        "front": len(entry.front.rows),
    }
    evaluations = evaluations or {}
    kept = _evenly(len(entry.front.rows), most_rows)
    rows = [
        row
        for place, row in enumerate(entry.front.rows)
        if place in kept or budget_of(entry, row) in evaluations
    ]
    is_supernet = isinstance(entry, Entry)
    facts_of = _supernet if is_supernet else _conditional
    described.update(facts_of(entry, rows))
    for row, values in zip(rows, described["rows"], strict=True):
        values["budget"] = budget_of(entry, row)
        values["held_out"], values["test"] = row.held_out_top1, row.test_top1
        values["evaluated"] = evaluations.get(values["budget"])
    return described


def budget_of(entry, row) -> float:
    """The multiply-adds that choose a row of a front, round where they can."""
    if isinstance(entry, Entry):
        return row.flops
    whole = math.ceil(row.flops)
    if whole > entry.most_flops:
        return row.flops
    return whole if entry.choose(Budget(flops=whole)) == row else row.flops


def read_evaluations(folder, entry) -> dict:
    """Reads what `keras-elastic evaluate` wrote of some networks.

    Args:
        folder: Path of a folder of reports, each in a folder that is called
            after the multiply-adds that choose the network: `8446560`.
        entry: The entry.

    Returns:
        Dictionary from budgets of the front to what is shown.

    Raises:
        ValueError: There is no report, one is of no network of the front, or
            of other classes.
    """
    folder = files.as_path(evaluated=folder)
    budgets = {
        str(b): b for b in (budget_of(entry, r) for r in entry.front.rows)
    }
    found = sorted(folder.glob("*/report.json"))
    wrong = [path for path in found if path.parent.name not in budgets]
    if wrong or not found:
        raise ValueError(
            "`evaluated` must be a folder of reports, each in a folder called "
            f"after the multiply-adds of a network of the front of "
            f"'{entry.name}', such as {next(iter(budgets))}. Received: "
            f"{str(folder)!r}, with {[str(path) for path in wrong]}. Write "
            "them with the commands that the page shows."
        )
    return {budgets[p.parent.name]: _read_report(p, entry) for p in found}


def _read_report(path, entry):
    report = untrusted.read_json(path, "Measure again.")
    classes = report.get("accuracy_by_class")
    if (
        not isinstance(classes, dict)
        or set(classes) != set(entry.class_names)
        or not all(
            (checks.FRACTION | checks.NONE).fits(v) for v in classes.values()
        )
        or not checks.FRACTION.fits(report.get("top1"))
        or not checks.is_integer(report.get("images"))
    ):
        raise ValueError(
            "`evaluated` must hold reports of the accuracy of each class of "
            f"'{entry.name}'. Received: {str(path)!r}, which is none. Measure "
            "again."
        )
    worst = sorted(
        classes.items(), key=lambda item: (item[1] is None, item[1] or 0)
    )
    return {
        "dataset": _cut(str(report.get("dataset"))),
        "split": _cut(str(report.get("split"))),
        "images": report["images"],
        "top1": report["top1"],
        "classes": [
            (_cut(name), None if value is None else round(value, 4))
            for name, value in worst[:_MOST_NAMES]
        ],
    }


def _evenly(count, most):
    """Places evenly over a front, its ends included."""
    if count <= most:
        return set(range(count))
    return {round(i * (count - 1) / (most - 1)) for i in range(most)}


def _cut(text):
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}..."


def _supernet(entry, rows):
    family, classes = entry.family, entry.classes
    drawing = facts.Drawing()
    largest = family.plan(family.space.largest, classes)
    plans = [family.plan(row.arch, classes) for row in rows]
    networks = [drawing.network(plan, plan=0) for plan in plans]
    return {
        "architectures": f"{family.space.size:,}",
        "rows": [
            {
                "flops": row.flops,
                "params": row.params,
                "latency": row.latency_ms,
                "networks": [place],
            }
            for place, row in enumerate(rows)
        ],
        "networks": networks,
        "largest": drawing.network(largest),
        "plans": [facts.name_blocks(largest)],
        "blocks": drawing.blocks,
    }


def _conditional(entry, rows):
    drawing = facts.Drawing()
    networks, plans, files_of = [], [], {}
    for file in dict.fromkeys(row.file for row in rows):
        places = []
        for title, note, plan in entry.plans(file):
            places.append(len(networks))
            more = {"title": title, "note": note, "plan": len(plans)}
            networks.append(drawing.network(plan, **more))
            plans.append(facts.name_blocks(plan))
        size = (entry.folder / file).stat().st_size
        files_of[file] = {"file": file, "bytes": size, "networks": places}
    return {
        "most": entry.most_flops,
        "rows": [
            {
                "flops": row.flops,
                "threshold": row.threshold,
                **files_of[row.file],
            }
            for row in rows
        ],
        "networks": networks,
        "largest": None,
        "plans": plans,
        "blocks": drawing.blocks,
    }

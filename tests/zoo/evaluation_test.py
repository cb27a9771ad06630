import dataclasses
import types

import numpy as np
import pytest
from tiny_entry import CLASS_NAMES
from tiny_entry import FAMILY
from tiny_entry import RECIPE

from keras_elastic import data
from keras_elastic.selection.front import Score
from keras_elastic.selection.searches.query_table import configurations
from keras_elastic.spaces import costs
from keras_elastic.zoo import evaluation

SPACE = FAMILY.space
MIDDLE = dataclasses.replace(SPACE.smallest, depth=(2, 2))
SCORES = {
    SPACE.largest: Score(0.9, -0.3),
    SPACE.smallest: Score(0.5, -1.5),
    MIDDLE: Score(0.7, -0.8),
    # Costs more than the smallest and is worse.
    dataclasses.replace(MIDDLE, depth=(2, 1)): Score(0.4, -2.0),
}


class FakeScorer:
    """Knows scores by heart, and others of the test images."""

    supernet = types.SimpleNamespace(family=FAMILY, classes=len(CLASS_NAMES))
    scores = SCORES

    def __init__(self):
        self.evaluated = []

    def statistics(self, arch):
        return {"norm": np.full((2, 3), arch.resolution, "float32")}

    def evaluate(self, arch, statistics, batches):
        self.evaluated.append((arch, statistics["norm"][0, 0], batches))
        return Score(SCORES[arch].accuracy - 0.1, -1.0)


def test_a_front_of_what_was_scored():
    scorer = FakeScorer()
    front, statistics = evaluation.make_front(scorer, "batches")
    archs = [SPACE.smallest, MIDDLE, SPACE.largest]
    assert [row.arch for row in front.rows] == archs
    for row, values in zip(front.rows, statistics, strict=True):
        plan = FAMILY.plan(row.arch, len(CLASS_NAMES))
        assert row.costs == costs(plan)
        assert row.score == SCORES[row.arch]
        assert row.test_top1 == pytest.approx(row.held_out_top1 - 0.1)
        np.testing.assert_array_equal(values["norm"], row.arch.resolution)


def test_only_the_front_is_evaluated_and_by_its_statistics():
    scorer = FakeScorer()
    evaluation.make_front(scorer, "batches")
    assert scorer.evaluated == [
        (arch, arch.resolution, "batches")
        for arch in (SPACE.smallest, MIDDLE, SPACE.largest)
    ]


@pytest.mark.parametrize("count", [40, 10**6])
def test_a_scorer_measures_on_the_first_training_images(written, count):
    dataset = data.load_dataset("digits")
    recipe = RECIPE.replace(calibration_images=count)
    scorer = evaluation.make_scorer(written.supernet, recipe, dataset)
    expected = min(count, dataset.train.size)
    assert scorer.calibration_images.shape == (expected, 8, 8, 3)
    assert len(scorer.labels) == dataset.held_out.size


def test_test_batches_are_all_of_the_test_split():
    dataset = data.load_dataset("digits")
    batches = list(evaluation.test_batches(RECIPE, dataset))
    assert sum(len(labels) for _, labels in batches) == dataset.test.size
    assert all(images.shape[1:] == (8, 8, 3) for images, _ in batches)


def test_other_classes_are_refused(written):
    dataset = data.load_dataset("digits")
    with pytest.raises(ValueError, match=r"4 classes \(cat, dog.*10 classes"):
        evaluation.check_same_classes(written.entry, dataset)
    same = types.SimpleNamespace(name="mine", class_names=CLASS_NAMES)
    evaluation.check_same_classes(written.entry, same)


def test_the_networks_of_a_front_are_timed(monkeypatch):
    front, _ = evaluation.make_front(FakeScorer(), "batches")
    timed = []

    class FakeRuntime:
        def measure(self, models, batch_size, runs):
            timed.extend(model.count_params() for model in models)
            assert (batch_size, runs) == (1, 3)
            return [
                types.SimpleNamespace(median_ms=float(i))
                for i, _ in enumerate(models)
            ]

    monkeypatch.setattr(evaluation, "get_runtime", lambda name: FakeRuntime())
    found = evaluation.time_front(front, FAMILY, len(CLASS_NAMES), runs=3)
    assert [row.latency_ms for row in found.rows] == [0.0, 1.0, 2.0]
    assert timed == sorted(timed)
    assert [row.arch for row in found.rows] == [row.arch for row in front.rows]


class Counted(FakeScorer):
    """Scores what it is asked for."""

    def __init__(self):
        super().__init__()
        self.scores = {}

    def __call__(self, arch):
        return self.scores.setdefault(arch, Score(0.5, -arch.resolution))


def test_a_query_table_has_all_rows(tmp_path):
    scorer, path = Counted(), tmp_path / "query_table.csv"
    scorer(MIDDLE)
    scorer.supernet = types.SimpleNamespace(
        family=FAMILY, classes=len(CLASS_NAMES), space=SPACE
    )
    evaluation.write_query_table(path, scorer)
    rows = path.read_text().splitlines()[1:]
    # Two resolutions with two levels, whether others beat them or not.
    archs = configurations(SPACE)
    assert len(rows) == len(archs) == 4
    assert len(scorer.scores) == len(archs) + (MIDDLE not in archs)
    flops = [int(row.split(",")[0]) for row in rows]
    assert flops == sorted(flops)


def test_the_tau_of_a_ranking():
    assert evaluation.kendall_tau([1, 2, 3], [0.1, 0.2, 0.3]) == 1
    assert evaluation.kendall_tau([1, 2, 3], [3, 2, 1]) == -1
    assert evaluation.kendall_tau([1], [3]) is None
    assert evaluation.kendall_tau([1, 2], [3, 3]) is None
    front, _ = evaluation.make_front(FakeScorer(), "batches")
    assert "tau" in evaluation.describe_ranking(front)
    assert "1.00 (3 arch" in evaluation.describe_ranking(front)


def test_the_preparation_of_a_recipe():
    recipe = RECIPE.replace(evaluation_crop=0.875)
    family = dataclasses.replace(FAMILY, resize="bilinear")
    chosen = evaluation.preparation(recipe, family)
    assert chosen.to_dict() == {
        "crop_fraction": 0.875,
        "patch_size": RECIPE.patch_size,
        "interpolation": "bilinear",
    }
    for wrong in (0.0, 1.5):
        with pytest.raises(ValueError, match="evaluation_crop"):
            RECIPE.replace(evaluation_crop=wrong)


def test_progress_of_the_test_split():
    told = []
    evaluation.make_front(FakeScorer(), "test", lambda *some: told.append(some))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    "top1, images, text",
    [
        # One image of 360 is wrong, and three.
        (359 / 360, 360, "99.72% ± 0.28%"),
        (357 / 360, 360, "99.17% ± 0.48%"),
        (0.5, 10_000, "50.00% ± 0.50%"),
        (1.0, 360, "100.00% ± 0.00%"),
    ],
)
def test_an_accuracy_has_its_standard_error(top1, images, text):
    assert evaluation.with_error(top1, images) == text

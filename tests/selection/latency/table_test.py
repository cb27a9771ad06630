"""A table, its file and its timings, on a device whose latencies are known."""

import dataclasses
import json

import numpy as np
import pytest
from selection.latency.latency_fakes import CALL
from selection.latency.latency_fakes import FakeRuntime
from selection.latency.latency_fakes import Killed
from selection.latency.latency_fakes import work
from training.tiny import CLASSES

from keras_elastic import families
from keras_elastic.families import EfficientNet
from keras_elastic.families.efficientnet import Stage
from keras_elastic.families.once_for_all import ElasticStage
from keras_elastic.families.once_for_all import OnceForAll
from keras_elastic.models import build_child
from keras_elastic.selection.latency import timings
from keras_elastic.selection.latency.blocks import distinct_blocks
from keras_elastic.selection.latency.table import LatencyTable
from keras_elastic.spaces import GeneTable

FAMILY = EfficientNet(
    name="few_blocks",
    resolution=(8, 10),
    stem=(4,),
    stages=(Stage((4, 6), (1, 2), (3, 5), (2,)),),
    head=(8, 12),
)
SPACE = FAMILY.space


def owned_kernels():
    """A space where kernels are genes of single blocks."""
    return OnceForAll(
        name="owned_kernels",
        resolution=(8,),
        stem=8,
        first=8,
        stages=(ElasticStage(8, 1, "relu6", False, (1, 2), (3, 5), (3,)),),
        last=16,
        total_strides=1,
    )


def measure(family=FAMILY, runtime=None, **arguments):
    arguments.setdefault("children", 6)
    runtime = runtime or FakeRuntime()
    return LatencyTable.measure(family, CLASSES, runtime, **arguments)


@pytest.fixture(scope="module")
def table():
    return measure()


def truth(arch, batch_size=1):
    return CALL + batch_size * work(build_child(FAMILY.plan(arch, CLASSES)))


def random_architectures(count, seed=5):
    rng = np.random.default_rng(seed)
    return [SPACE.sample(rng) for _ in range(count)]


def test_the_sum_of_the_blocks_is_the_network(table):
    for arch in random_architectures(5):
        assert table.predict(arch) == pytest.approx(truth(arch), rel=1e-3)


def test_the_call_is_counted_once(table):
    assert table.calibration.overhead == pytest.approx(CALL, rel=0.05)
    assert table.calibration.per_block == pytest.approx(-CALL, rel=0.05)
    assert table.calibration.scale == pytest.approx(1, rel=0.01)


def test_a_table_is_a_function(table):
    for arch in random_architectures(3):
        assert table(arch) == table.predict(arch)


def test_many_at_once(table):
    rows = GeneTable(SPACE).all_rows()
    one_by_one = [table.predict(SPACE.decode(row)) for row in rows]
    assert table.predict_encoded(rows).tolist() == one_by_one


def test_latencies_order_the_extremes(table):
    assert table(SPACE.smallest) < table(SPACE.largest)


def test_genes_of_blocks_that_are_left_out_do_not_matter():
    family = owned_kernels()
    table = measure(family, children=4)
    low, high = family.space.smallest, family.space.largest
    mixed = dataclasses.replace(high, depth=low.depth)
    assert mixed != family.space.canonical(mixed)
    assert table(mixed) == table(family.space.canonical(mixed))


def test_an_architecture_of_another_space(table):
    with pytest.raises(ValueError, match="is of another family"):
        table.predict(families.get("bignas").space.smallest)


def test_each_distinct_block_is_timed_once():
    runtime = FakeRuntime()
    measure(runtime=runtime)
    expected = len(distinct_blocks(FAMILY, CLASSES)) + 6
    # The references are timed again with the networks.
    assert len(runtime.timed) == expected + timings.REFERENCES


def test_images_of_a_batch():
    table = measure(batch_size=8)
    arch = SPACE.largest
    assert table(arch) == pytest.approx(truth(arch, 8), rel=1e-3)


def test_blocks_that_were_not_timed_are_estimated():
    count = len(distinct_blocks(FAMILY, CLASSES)) * 2 // 3
    table = measure(max_blocks=count)
    for arch in random_architectures(5):
        assert table.predict(arch) == pytest.approx(truth(arch), rel=0.1)


def test_a_machine_that_becomes_slower(monkeypatch, table):
    monkeypatch.setattr(timings, "GROUP", 5)
    runtime = FakeRuntime(slower=lambda number: 1 + 0.3 * number)
    drifting = measure(runtime=runtime)
    assert runtime.measurements > 3
    for arch in random_architectures(5):
        expected = pytest.approx(table.predict(arch), rel=0.01)
        assert drifting.predict(arch) == expected


def test_progress(monkeypatch):
    monkeypatch.setattr(timings, "GROUP", 5)
    seen = []
    measure(progress=lambda *counts: seen.append(counts))
    total = len(distinct_blocks(FAMILY, CLASSES)) + 6
    assert seen[0] == (0, total) and seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


class TestGoingOn:
    @pytest.fixture(autouse=True)
    def small_groups(self, monkeypatch):
        monkeypatch.setattr(timings, "GROUP", 5)

    @pytest.fixture
    def path(self, tmp_path):
        """A file of a measurement that was killed after two groups."""
        path = tmp_path / "table.json"
        with pytest.raises(Killed):
            measure(runtime=FakeRuntime(groups=2), path=path)
        return path

    def test_only_what_is_missing_is_timed(self, path, table):
        runtime, seen = FakeRuntime(), []
        found = measure(
            runtime=runtime,
            path=path,
            progress=lambda done, total: seen.append(done),
        )
        assert seen[0] == 10
        references = timings.REFERENCES * runtime.measurements
        missing = len(distinct_blocks(FAMILY, CLASSES)) + 6 - 10
        assert len(runtime.timed) == missing + references
        arch = SPACE.largest
        assert found(arch) == pytest.approx(table(arch), rel=1e-6)

    def test_a_finished_table_is_not_measured_again(self, path):
        measure(path=path)
        measure(runtime=FakeRuntime(groups=0), path=path)

    def test_a_part_is_no_table(self, path):
        with pytest.raises(ValueError, match="not finished.*10 blocks"):
            LatencyTable.load(path, FAMILY)

    def test_another_machine(self, path):
        with pytest.raises(ValueError, match="machine.cores 2 instead of 64"):
            measure(runtime=FakeRuntime(cores=64), path=path)

    def test_another_setting(self, path):
        with pytest.raises(ValueError, match="batch_size 1 instead of 4"):
            measure(path=path, batch_size=4)

    def test_more_blocks_are_added(self, tmp_path):
        path = tmp_path / "few.json"
        measure(path=path, max_blocks=6)
        runtime = FakeRuntime()
        measure(runtime=runtime, path=path)
        blocks = len(distinct_blocks(FAMILY, CLASSES)) - 6
        references = timings.REFERENCES * runtime.measurements
        assert len(runtime.timed) == blocks + references


class TestFile:
    @pytest.fixture
    def path(self, tmp_path, table):
        path = tmp_path / "table.json"
        table.save(path)
        return path

    def test_the_same_table_comes_back(self, path, table):
        loaded = LatencyTable.load(path, FAMILY, runtime="fake")
        assert loaded.setting == table.setting
        for arch in random_architectures(5):
            assert loaded.predict(arch) == table.predict(arch)

    def test_it_says_what_was_measured(self, path):
        setting = json.loads(path.read_text())["setting"]
        assert setting["runtime"] == "fake" and setting["threads"] == 1
        assert setting["machine"] == {"platform": "fake", "cores": 2}

    def test_another_space(self, path):
        other = dataclasses.replace(FAMILY, head=(8, 16))
        with pytest.raises(ValueError, match=r"table\.head \[8, 12\] instead"):
            LatencyTable.load(path, other)

    def test_another_class_of_family(self, path):
        with pytest.raises(ValueError, match="class_name 'EfficientNet'"):
            LatencyTable.load(path, families.get("ofa_mobilenet_v3"))

    def test_another_runtime(self, path):
        with pytest.raises(ValueError, match="Received: runtime='litert'"):
            LatencyTable.load(path, FAMILY, runtime="litert")

    def test_another_format(self, path):
        edit(path, format=99)
        with pytest.raises(ValueError, match="Received: format=99"):
            LatencyTable.load(path, FAMILY)

    def test_an_edited_file(self, path):
        blocks = json.loads(path.read_text())["blocks"]
        edit(path, blocks={key: [1, 1, 1, 1] for key in blocks})
        with pytest.raises(ValueError, match="damaged or edited"):
            LatencyTable.load(path, FAMILY)

    @pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', "\0"])
    def test_a_damaged_file(self, path, text):
        path.write_text(text)
        with pytest.raises(ValueError, match="damaged or edited"):
            LatencyTable.load(path, FAMILY)

    def test_a_file_that_was_cut_off(self, path):
        path.write_text(path.read_text()[:-100])
        with pytest.raises(ValueError, match="cut off"):
            LatencyTable.load(path, FAMILY)


def edit(path, **changes):
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | changes))


def test_report_on_a_machine_that_adds_up(table):
    report = table.report(architectures=8)
    assert report.median_error < 1e-3
    assert report.spearman > 0.99
    assert report.drift == pytest.approx(1, rel=1e-4)
    assert report.repeatability > 0.99
    assert len(report.rows) == 8


def test_report_measures_other_networks(table):
    known = {row.arch for row in table.report(architectures=8, seed=0).rows}
    calibrated = timings.draw_architectures(SPACE, 6, 0, True)
    assert len(known) == 8
    assert not known & set(calibrated)


def test_report_says_how_the_machine_changed(table):
    slower = FakeRuntime(slower=lambda number: 2.0)
    report = table.report(architectures=4, runtime=slower)
    assert report.drift == pytest.approx(2, rel=1e-4)
    assert report.median_error == pytest.approx(0.5, abs=0.01)
    assert report.steady_error < 0.01


def test_report_of_a_runtime_that_only_its_user_has(tmp_path, table):
    table.save(tmp_path / "table.json")
    loaded = LatencyTable.load(tmp_path / "table.json", FAMILY)
    with pytest.raises(ValueError, match="Received: runtime='fake'"):
        loaded.report()
    assert loaded.report(4, runtime=FakeRuntime()).median_error < 1e-3


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"batch_size": 0}, "`batch_size` must be a positive integer"),
        ({"runs": 1.5}, "`runs` must be a positive integer"),
        ({"max_blocks": 0}, "`max_blocks` must be a positive integer"),
        ({"children": 3}, "`children` must be an integer of at least 4"),
        ({"threads": 2}, "`threads` must be None where `runtime`"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        measure(**arguments)


@pytest.mark.slow
@pytest.mark.parametrize(
    "runtime",
    # TensorFlow's is on the page on searches, too.
    [pytest.param("tensorflow", marks=pytest.mark.exhaustive), "litert"],
)
def test_real_runtimes_order_the_extremes(runtime, tmp_path):
    family = dataclasses.replace(
        FAMILY, resolution=(8, 64), stem=(4, 32), head=(8, 64)
    )
    path = tmp_path / "table.json"
    table = LatencyTable.measure(
        family, CLASSES, runtime, runs=20, max_blocks=8, children=4, path=path
    )
    low, high = family.space.smallest, family.space.largest
    assert 0 < table(low) < table(high)
    loaded = LatencyTable.load(path, family, runtime)
    assert loaded(high) == table(high)
    report = loaded.report(architectures=2)
    assert all(row.measured_ms > 0 for row in report.rows)

"""One flatbuffer answers within each budget as the child of that budget."""

import dataclasses

import contracts
import numpy as np
import pytest

import keras_elastic
from keras_elastic.export import litert
from keras_elastic.export import many_budgets_litert

interpreter = pytest.importorskip("ai_edge_litert.interpreter")

BUDGETS = {"tiny": 140e3, "small": 600e3, "large": 1.5e6}


@pytest.fixture(scope="module")
def entry():
    return keras_elastic.zoo.find_entry("bignas_digits")


@pytest.fixture(scope="module")
def children():
    return {
        name: keras_elastic.load("bignas_digits", flops=most)
        for name, most in BUDGETS.items()
    }


@pytest.fixture(scope="module")
def exported(entry, tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    return many_budgets_litert(entry, folder / "new" / "a.tflite", BUDGETS)


def runner(path, name):
    lite = interpreter.Interpreter(str(path))
    return lite.get_signature_runner(f"classify_{name}")


def logits_of(path, name, images):
    classify = runner(path, name)
    return np.concatenate([classify(images=i[None])["logits"] for i in images])


def draw_images(child, count=8):
    rng = np.random.default_rng(0)
    shape = (count, *child.input_shape[1:])
    return rng.integers(0, 256, shape).astype("float32")


@pytest.mark.parametrize("name", BUDGETS)
def test_each_signature_equals_its_child(exported, children, name):
    images = draw_images(children[name])
    expected = children[name].predict(images, verbose=0)
    # Images must differ enough for a wrong answer to show.
    assert np.ptp(expected, axis=0).min() > 0.1
    np.testing.assert_allclose(
        logits_of(exported, name, images), expected, rtol=0, atol=1e-4
    )


def test_the_signatures(exported, children):
    lite = interpreter.Interpreter(str(exported))
    assert lite.get_signature_list() == {
        f"classify_{name}": {"inputs": ["images"], "outputs": ["logits"]}
        for name in BUDGETS
    }
    for name, child in children.items():
        [details] = runner(exported, name).get_input_details().values()
        assert details["shape"].tolist() == [1, *child.input_shape[1:]]
        assert details["dtype"] == np.float32


def test_the_file_is_whole_and_alone(exported):
    assert exported.name == "a.tflite"
    assert [path.name for path in exported.parent.iterdir()] == ["a.tflite"]


@pytest.fixture(scope="module")
def sizes(children, tmp_path_factory):
    """Bytes of a file for each child."""
    folder = tmp_path_factory.mktemp("alone")
    return [
        litert(child, folder / f"{name}.tflite").stat().st_size
        for name, child in children.items()
    ]


def test_the_weights_are_stored_once(exported, sizes):
    # Of these small networks the graphs are a good part.
    assert exported.stat().st_size < 1.25 * max(sizes)
    assert exported.stat().st_size < 0.85 * sum(sizes)


def test_one_budget_takes_the_room_of_one_child(entry, sizes, tmp_path):
    path = many_budgets_litert(entry, tmp_path / "a.tflite", {"a": 1.5e6})
    assert path.stat().st_size < 1.02 * max(sizes)


def test_float16_rounds_the_weights(entry, exported, children, tmp_path):
    path = tmp_path / "a.tflite"
    path.write_text("old")
    many_budgets_litert(entry, str(path), BUDGETS, "float16")
    assert path.stat().st_size < 0.7 * exported.stat().st_size
    for name, child in children.items():
        images = draw_images(child)
        expected = child.predict(images, verbose=0)
        difference = np.abs(logits_of(path, name, images) - expected).max()
        # Rounded weights must show, or they were not rounded.
        assert 1e-5 < difference < 0.05


@dataclasses.dataclass(frozen=True)
class PlainNet:
    """Whole convolutions of several kernel sizes, and strides."""

    name: str = "plain_net"

    @property
    def space(self):
        return keras_elastic.SearchSpace(
            self.name,
            (8, 12),
            ((16, 24), (80, 96)),
            ((1,), (1,)),
            kernel_size=((3,), (3, 5)),
            expand_ratio=(),
        )

    def plan(self, genes, classes):
        builder = keras_elastic.spaces.PlanBuilder(genes.resolution)
        for stage, width in enumerate(genes.width):
            with builder.block(f"stage{stage}"):
                builder.convolution(
                    f"conv{stage}", width, genes.kernel_size[stage], 1 + stage
                )
                builder.normalization(f"norm{stage}")
                builder.activation(f"act{stage}", "relu")
        with builder.block("head"):
            builder.global_pooling("pool")
            builder.dense("classifier", classes)
        return builder.plan()


def test_a_supernet_and_architectures(tmp_path):
    supernet = keras_elastic.Supernet(PlainNet(), classes=4)
    contracts.randomize(supernet)
    calibrator = keras_elastic.SubnetCalibrator(supernet)
    space = supernet.space
    photos = contracts.random_images(16, 12)
    subnets = {
        name: (arch, calibrator.measure(arch, photos))
        for name, arch in {"a": space.smallest, "b": space.largest}.items()
    }
    path = many_budgets_litert(supernet, tmp_path / "a.tflite", subnets)
    for name, subnet in subnets.items():
        child = supernet.child(*subnet)
        images = draw_images(child)
        expected = np.asarray(child(images))
        assert np.ptp(expected, axis=0).min() > 0.1
        np.testing.assert_allclose(
            logits_of(path, name, images), expected, rtol=0, atol=1e-4
        )
    # The largest child's weights, and not those of both.
    alone = litert(supernet.child(*subnets["b"]), tmp_path / "b.tflite")
    assert path.stat().st_size < 1.08 * alone.stat().st_size


# Refusals: each with words of the message, and nothing written.


def assert_refused(words, source, path, budgets, **kwargs):
    with pytest.raises(ValueError) as error:
        many_budgets_litert(source, path, budgets, **kwargs)
    for word in ("Received: ", *words):
        assert word in str(error.value)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("quantization", ["int8", "dynamic", True])
def test_refuses_another_quantization(entry, tmp_path, quantization):
    words = ("`quantization` must be one of", "'float16'", f"={quantization!r}")
    assert_refused(
        words,
        entry,
        tmp_path / "a.tflite",
        BUDGETS,
        quantization=quantization,
    )


def test_refuses_another_suffix(entry, tmp_path):
    words = ("'.tflite'", "a.bin", "a.tflite")
    assert_refused(words, entry, tmp_path / "a.bin", BUDGETS)


@pytest.mark.parametrize("budgets", [{}, None, {"200 m": 140e3}])
def test_refuses_other_budgets(entry, tmp_path, budgets):
    words = ("`budgets` must be a dictionary", "200m")
    assert_refused(words, entry, tmp_path / "a.tflite", budgets)


def test_refuses_another_source(tmp_path):
    words = ("`source` must be a zoo entry or a `Supernet`", "find_entry")
    assert_refused(words, "bignas", tmp_path / "a.tflite", {"a": 1e6})

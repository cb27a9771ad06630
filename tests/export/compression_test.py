"""Zeros and shared weights are found in training and survive the export."""

import gzip

import keras
import numpy as np
import pytest
import tiny_child

import keras_elastic
from keras_elastic.export import compression
from keras_elastic.export import litert
from keras_elastic.export import quantization

interpreter = pytest.importorskip("ai_edge_litert.interpreter")
tf_keras = quantization.tf_keras

IMAGES, LABELS = tiny_child.draw_labeled(96)
# Six batches an epoch.
FIT = {"batch_size": 16, "verbose": 0}


@pytest.fixture(scope="module")
def child():
    model = tiny_child.build()
    model.class_names = ("dark", "gray", "bright")
    model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
    return model


@pytest.fixture(scope="module")
def sparse(child):
    model = compression.pruned(child, 0.75, steps=6)
    model.fit(
        IMAGES,
        LABELS,
        epochs=2,
        callbacks=compression.pruning_callbacks(),
        **FIT,
    )
    return model


@pytest.fixture(scope="module")
def few(child):
    model = compression.clustered(child, 4)
    model.fit(IMAGES, LABELS, epochs=2, **FIT)
    return model


def kernels(model):
    """Kernels of the layers that the toolkit changes."""
    kinds = ("Conv2D", "Dense")
    return {
        layer.name: layer.kernel.numpy()
        for layer in model.layers
        if type(layer).__name__ in kinds
    }


def filters_of(path):
    """The integer kernels of a file, channels first."""
    lite = interpreter.Interpreter(str(path))
    lite.allocate_tensors()
    return [
        lite.get_tensor(tensor["index"])
        for tensor in lite.get_tensor_details()
        if tensor["dtype"] == np.int8
        and len(tensor["shape"]) == 4
        and len(tensor["quantization_parameters"]["scales"]) > 1
        # Those of the depthwise convolution are as they were.
        and tensor["quantization_parameters"]["quantized_dimension"] == 0
    ]


def assert_is_child(model, child):
    assert isinstance(model, keras.Model)
    names = [layer.name for layer in model.layers]
    assert names == [layer.name for layer in child.layers]
    assert model.class_names == child.class_names
    assert model.compiled
    assert keras_elastic.is_calibrated(model)


@pytest.mark.slow
def test_pruned_kernels_have_their_zeros(child, sparse):
    model = compression.stripped(sparse, child)
    assert_is_child(model, child)
    for name, kernel in kernels(model).items():
        assert np.mean(kernel == 0) == pytest.approx(0.75, abs=0.05), name
    before = kernels(child)
    assert not any(np.any(kernel == 0) for kernel in before.values())


@pytest.mark.slow
def test_zeros_survive_the_export(child, sparse, tmp_path):
    model = compression.stripped(sparse, child)
    keras_elastic.calibrate(model, IMAGES)
    path = litert(model, tmp_path / "a.tflite", "int8", IMAGES)
    filters = filters_of(path)
    assert len(filters) == 4
    for kernel in filters:
        assert np.mean(kernel == 0) > 0.7


@pytest.mark.parametrize("steps", [1, 5])
def test_the_last_zeros_come_with_the_last_step(child, monkeypatch, steps):
    # Every third step at most, as if the steps were hundreds.
    monkeypatch.setattr(compression, "_UPDATES", 2)
    model = compression.pruned(child, 0.5, steps=steps)
    [wrapper] = [x for x in model.layers if x.name.endswith("classifier")]
    schedule = wrapper.pruning_schedule
    drawn = [bool(schedule(step)[0]) for step in range(steps + 2)]
    last = max(step for step, is_drawn in enumerate(drawn) if is_drawn)
    assert last <= steps
    assert float(schedule(last)[1]) == 0.5


@pytest.mark.slow
def test_clustered_kernels_have_few_weights(child, few):
    model = compression.stripped(few, child)
    assert_is_child(model, child)
    for name, kernel in kernels(model).items():
        assert len(np.unique(kernel)) <= 4, name
    assert all(len(np.unique(x)) > 4 for x in kernels(child).values())


@pytest.mark.slow
def test_few_weights_survive_the_export(child, few, tmp_path):
    model = compression.stripped(few, child)
    keras_elastic.calibrate(model, IMAGES)
    path = litert(model, tmp_path / "a.tflite", "int8", IMAGES)
    filters = filters_of(path)
    assert len(filters) == 4
    # Each channel has its own scale, and the four weights are of that.
    for kernel in filters:
        assert all(len(np.unique(channel)) <= 4 for channel in kernel)


def test_small_kernels_are_not_clustered(child):
    model = compression.clustered(child, 50)
    names = [x.name for x in model.layers if x.name.startswith("cluster_")]
    sizes = {name: kernel.size for name, kernel in kernels(child).items()}
    expected = {f"cluster_{name}" for name, size in sizes.items() if size > 50}
    assert set(names) == expected
    assert 0 < len(expected) < len(sizes)


@pytest.mark.exhaustive
def test_both_compress_better(tmp_path):
    child = keras_elastic.load("bignas_digits", flops=200e3, resolution=8)
    images = keras_elastic.data.load_arrays("digits").train.images[:64]
    labels = np.zeros(64)
    sparse = compression.pruned(child, 0.5, steps=1)
    callbacks = compression.pruning_callbacks()
    sparse.fit(images, labels, callbacks=callbacks, **FIT)
    few = compression.clustered(child, 8)
    models = {
        "whole": child,
        "sparse": compression.stripped(sparse, child),
        "few": compression.stripped(few, child),
    }
    sizes = {}
    for name, model in models.items():
        keras_elastic.calibrate(model, images)
        path = litert(model, tmp_path / f"{name}.tflite", "int8", images)
        sizes[name] = len(gzip.compress(path.read_bytes()))
    assert max(sizes["sparse"], sizes["few"]) < sizes["whole"]


@pytest.mark.slow
def test_the_models_learn(child, sparse, few):
    for trained in (sparse, few):
        model = compression.stripped(trained, child)
        for layer in model.layers:
            if isinstance(layer, keras.layers.DepthwiseConv2D):
                before = child.get_layer(layer.name).kernel.numpy()
                assert not np.array_equal(layer.kernel.numpy(), before)


# Refusals: each with words of the message.


def assert_refused(words, function, *args, **kwargs):
    with pytest.raises(ValueError) as error:
        function(*args, **kwargs)
    for word in ("must be", "Received: ", *words):
        assert word in str(error.value)


@pytest.mark.parametrize("sparsity", [0, 1, 1.5, -0.5, "0.5", None, True])
def test_refuses_a_sparsity_that_is_no_share(child, sparsity):
    words = ("`sparsity`", f"sparsity={sparsity!r}")
    assert_refused(words, compression.pruned, child, sparsity, steps=2)


@pytest.mark.parametrize("steps", [0, 2.5, True])
def test_refuses_steps_that_are_no_number(child, steps):
    words = ("`steps`", f"steps={steps!r}")
    assert_refused(words, compression.pruned, child, steps=steps)


@pytest.mark.parametrize("clusters", [1, 0, -4, 16.0, True, None])
def test_refuses_too_few_clusters(child, clusters):
    words = ("`clusters`", f"clusters={clusters!r}")
    assert_refused(words, compression.clustered, child, clusters)


@pytest.mark.slow
def test_refuses_what_is_no_calibrated_child(sparse):
    fresh = keras_elastic.load("bignas_digits", flops=200e3, weights=None)
    for model, word in ((fresh, "calibrated"), (sparse, "`keras.Model`")):
        assert_refused((word,), compression.pruned, model, steps=2)
        assert_refused((word,), compression.clustered, model)


@pytest.mark.slow
def test_refuses_to_strip_other_models(child, sparse):
    aware = quantization.quantization_aware(child, IMAGES[:8])
    for trained in (child, aware, "sparse"):
        words = ("`trained`", "litert")
        assert_refused(words, compression.stripped, trained, child)
    words = ("`model` must be a `keras.Model`",)
    assert_refused(words, compression.stripped, sparse, sparse)


@pytest.mark.slow
def test_refuses_another_child(sparse):
    other = keras_elastic.load("bignas_digits", flops=200e3, resolution=8)
    words = ("`child`", "stem_conv")
    assert_refused(words, compression.stripped, sparse, other)


@pytest.mark.slow
def test_export_refuses_an_unfinished_model(sparse, few, tmp_path):
    for model, made in ((sparse, "pruned"), (few, "clustered")):
        words = (f"as `{made}` returned it", "stripped")
        path = tmp_path / "a.tflite"
        assert_refused(words, litert, model, path)
    assert not list(tmp_path.iterdir())

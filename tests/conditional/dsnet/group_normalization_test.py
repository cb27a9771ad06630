"""DS-Nets whose layers normalize groups of channels, image by image."""

import contracts
import dsnet_models
import keras
import numpy as np
import pytest
import script_runs
import tiny_runs

import keras_elastic as ke
from keras_elastic import families
from keras_elastic.conditional.dsnet.families import DSResNet
from keras_elastic.spaces import plan as primitives


def in_groups(family, size=8):
    values = {**vars(family), "group_size": size}
    return type(family)(**values)


MOBILENET = in_groups(dsnet_models.MOBILENET)
# Half of 32 channels have 4 inside.
RESNET = in_groups(dsnet_models.RESNET, 4)
EFFICIENTNET = in_groups(dsnet_models.EFFICIENTNET)
IMAGES = dsnet_models.make_images(12)


def operations(family):
    plan = family.plan(family.space.largest, 10)
    return [o for block in plan.blocks for o in block.every_operation]


@pytest.mark.parametrize("name", ["ds_mobilenet", "ds_efficientnet_b0"])
def test_costs_are_those_of_batch_normalization(name):
    family, plain = families.get(name, group_size=8), families.get(name)
    for arch in (plain.space.smallest, plain.space.largest):
        assert ke.spaces.costs(family.plan(arch, 10)) == ke.spaces.costs(
            plain.plan(arch, 10)
        )
    kinds = {type(operation) for operation in operations(family)}
    assert primitives.GroupNormalization in kinds
    assert primitives.Normalization not in kinds


def test_a_table_survives_json():
    assert families.deserialize(families.serialize(MOBILENET)) == MOBILENET


@pytest.mark.parametrize("name", ["ds_mobilenet", "ds_resnet50"])
def test_groups_that_do_not_divide_all_widths(name):
    with pytest.raises(ValueError, match="`group_size` must divide.*channels"):
        families.get(name, group_size=10)


def test_sizes_of_groups():
    for size in (0, -8, 8.5, "8"):
        with pytest.raises(ValueError, match="group_size"):
            DSResNet("mine", (32,), (50, 100), group_size=size)


@pytest.fixture(scope="module")
def supernet():
    return dsnet_models.make_supernet(MOBILENET)


def test_a_supernet_and_its_children(supernet, tmp_path):
    assert supernet.normalizations == {}
    masked = ke.Supernet(MOBILENET, dsnet_models.CLASSES, mode="masked")
    masked.set_weights(supernet.get_weights())
    for arch in (supernet.space.smallest, supernet.space.largest):
        assert ke.SubnetCalibrator(supernet).measure(arch, IMAGES) == {}
        expected = np.asarray(supernet(IMAGES, arch))
        np.testing.assert_allclose(masked(IMAGES, arch), expected, atol=1e-4)
        child = supernet.child(arch)
        np.testing.assert_allclose(
            child(IMAGES, training=False), expected, atol=1e-4
        )
    layers = {type(layer) for layer in child.layers}
    assert keras.layers.GroupNormalization in layers
    assert keras.layers.BatchNormalization not in layers
    with pytest.raises(ValueError, match="none to calibrate"):
        ke.calibrate(child, IMAGES)
    child.save(tmp_path / "child.keras")
    loaded = keras.saving.load_model(tmp_path / "child.keras")
    np.testing.assert_array_equal(loaded(IMAGES), child(IMAGES))


def test_channels_cannot_be_sorted(supernet):
    before = supernet.get_weights()
    for trunk in (False, True):
        with pytest.raises(ValueError, match="in groups"):
            ke.sort_channels(supernet, trunk=trunk)
    for old, new in zip(before, supernet.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(MOBILENET, id="mobilenet"),
        pytest.param(RESNET, id="resnet", marks=pytest.mark.slow),
        pytest.param(
            EFFICIENTNET, id="efficientnet", marks=pytest.mark.exhaustive
        ),
    ],
)
def test_images_take_their_widths(family):
    """Sliced, masked and each image alone, without any statistics."""
    supernet = dsnet_models.make_supernet(family)
    model = ke.DSNet.from_supernet(supernet, {})
    dsnet_models.spread(model, IMAGES)
    masked = ke.DSNet.from_supernet(supernet, {}, mode="masked")
    masked.set_weights(model.get_weights())
    logits, chosen = map(np.asarray, model.route(IMAGES))
    # Else the test would say nothing.
    assert len(set(map(tuple, chosen))) > 1
    also, alike = masked.route(IMAGES)
    np.testing.assert_array_equal(alike, chosen)
    np.testing.assert_allclose(also, logits, atol=1e-4)
    one, _ = model.route(IMAGES[3:4])
    np.testing.assert_allclose(one[0], logits[3], atol=1e-4)


@pytest.mark.exhaustive
def test_gates_are_trained(supernet):
    model = ke.DSNet.from_supernet(supernet, {}, window=(1, 4))
    model.compile(
        "sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    before = model.get_weights()
    model.fit(IMAGES, np.arange(12) % 10, batch_size=6, verbose=0)
    changed = [
        variable.path
        for variable, old in zip(model.weights, before, strict=True)
        if not np.array_equal(variable, old)
    ]
    assert changed and all("slimming" in path for path in changed)
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.slow
def test_exports(supernet, tmp_path):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    model = ke.DSNet.from_supernet(supernet, {}, window=(1, 3))
    dsnet_models.spread(model, IMAGES)
    child = supernet.child(supernet.space.smallest)
    path = ke.export.saved_model(model, tmp_path / "dynamic")
    serve = tf.saved_model.load(str(path)).signatures["serve_tensors"]
    np.testing.assert_allclose(
        serve(images=tf.constant(IMAGES))["logits"], model(IMAGES), atol=1e-4
    )
    path = ke.export.litert(child, tmp_path / "child.tflite")
    classify = Interpreter(str(path)).get_signature_runner("classify")
    np.testing.assert_allclose(
        classify(images=IMAGES[:1])["logits"],
        child(IMAGES[:1], training=False),
        atol=1e-4,
    )


@pytest.mark.slow
def test_no_quantization_aware_training(supernet):
    pytest.importorskip("tensorflow_model_optimization")
    child = supernet.child(supernet.space.smallest)
    with pytest.raises(ValueError, match="not of groups"):
        ke.export.quantization_aware(child, IMAGES)


@pytest.mark.slow
def test_a_supernet_learns(supernet):
    """Every weight of the largest subnet gets a gradient."""
    import tensorflow as tf

    model = ke.Supernet(MOBILENET, 10)
    contracts.randomize(model)
    with tf.GradientTape() as tape:
        logits = model(IMAGES, model.space.largest, training=True)
        loss = tf.reduce_mean(tf.nn.softmax(logits)[:, 0])
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(np.any(gradient) for gradient in gradients)


@pytest.mark.exhaustive
def test_a_run_from_end_to_end(tmp_path):
    file = tmp_path / "recipe.py"
    changed = tiny_runs.DSNET.replace(
        '"paths": 3,', '"paths": 3, "group_size": 4,'
    )
    file.write_text(changed)
    folder = tmp_path / "run"
    script_runs.call_main(
        "train.py", f"--recipe={file}", f"--run_dir={folder}", "--smoke"
    )
    model = ke.load(folder)
    assert model.family.group_size == 4
    images = dsnet_models.make_images(3, model.input_shape[1])
    assert np.isfinite(model(images)).all()


SUPERNET = """
from keras_elastic.conditional.dsnet.families import Row
from keras_elastic.training import Recipe

recipe = Recipe(
    name="small",
    family="ds_mobilenet_cifar10",
    family_changes={
        "group_size": 8,
        "resolution": (16,),
        "stages": (
            Row(24, 0, 32, strides=2),
            Row(48, 24, 160, strides=2),
        ),
    },
    dataset="digits",
    patch_size=8,
    upscale=True,
    batch_size=64,
    epochs=1,
    learning_rate=0.03,
    budgets=(45e3, 60e3),
)
"""


@pytest.mark.exhaustive
def test_an_entry_of_a_supernet(tmp_path):
    """Also what is not on its front needs no images."""
    file, folder = tmp_path / "recipe.py", tmp_path / "run"
    file.write_text(SUPERNET)
    script_runs.call_main(
        "train.py", f"--recipe={file}", f"--run_dir={folder}", "--smoke"
    )
    entry = ke.zoo.find_entry(folder)
    assert ke.load(folder, flops=60e3).input_shape == (None, 16, 16, 3)
    space = entry.family.space
    others = {space.smallest, space.largest}
    others -= {row.arch for row in entry.front.rows}
    assert others
    for arch in others:
        assert ke.load(folder, arch=arch).output_shape == (None, 10)

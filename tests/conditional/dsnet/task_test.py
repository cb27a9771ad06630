import math

import dsnet_models
import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_elastic
from keras_elastic.conditional import GateTask
from keras_elastic.conditional.dsnet import masked as dsnet_masked
from keras_elastic.conditional.dsnet.task import guidance
from keras_elastic.spaces import costs
from keras_elastic.training import EnsembleBootstrapping
from keras_elastic.training import Sandwich
from keras_elastic.training import TaskTrainer
from keras_elastic.training import Trainer

COUNT = 24
STEPS = 4
IMAGES = dsnet_models.make_images(COUNT)


@pytest.fixture(
    scope="module",
    params=[dsnet_models.MOBILENET, dsnet_models.RESNET],
    ids=lambda f: f.name,
)
def model(request):
    return dsnet_models.make(request.param, IMAGES)


def batch_of(task, labels=None, seed=0):
    rng = np.random.default_rng(seed)
    if labels is None:
        labels = rng.integers(dsnet_models.CLASSES, size=COUNT)
    targets = np.eye(dsnet_models.CLASSES, dtype="float32")[labels]
    drawn = task.draw(rng, COUNT, 0)
    batch = {"images": IMAGES, "targets": targets, "labels": labels, **drawn}
    return {name: tf.convert_to_tensor(value) for name, value in batch.items()}


def right_labels(model, index):
    """What a path of the model answers."""
    logits = model.run_path(model.stem(IMAGES), index)
    return np.argmax(logits, axis=-1)


def gradients_of(task, batch, part=lambda loss, metrics: loss):
    variables = task.model.variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(part(*task.loss(batch)))
    values = [variable.value for variable in variables]
    return dict(
        zip(
            (variable.path for variable in variables),
            tape.gradient(loss, values),
            strict=True,
        )
    )


# The loss


@pytest.mark.slow
def test_the_loss_is_the_sum_of_its_parts(model):
    task = GateTask(model, complexity_weight=0.5, guidance_weight=2.0)
    batch = batch_of(task)
    loss, metrics = task.loss(batch)
    features = model.stem(IMAGES)
    chosen = dsnet_masked.run(model, features, batch["noise"])
    entropy = -np.sum(
        batch["targets"] * tf.nn.log_softmax(chosen.logits), axis=-1
    )
    suited = np.where(
        right_labels(model, 0) == batch["labels"].numpy(), 0.0, 1.0
    )
    guided = guidance(chosen.gate_logits, suited.astype("float32"))
    share = np.asarray(chosen.flops) / task.total_flops
    np.testing.assert_allclose(
        loss, entropy + 0.5 * share**2 + 2.0 * np.asarray(guided), rtol=1e-4
    )
    assert loss.shape == (COUNT,)
    assert list(metrics) == ["accuracy", "flops"]
    np.testing.assert_allclose(metrics["flops"], chosen.flops)
    hits = np.argmax(chosen.logits, axis=-1) == batch["labels"].numpy()
    np.testing.assert_array_equal(metrics["accuracy"], hits)


def test_the_total_is_that_of_the_supernet(model):
    family = model.family
    plan = family.plan(family.space.largest, model.classes)
    assert GateTask(model).total_flops == costs(plan).flops


def test_only_the_slimming_heads_get_gradients(model):
    task = GateTask(model)
    gradients = gradients_of(task, batch_of(task))
    trained = {variable.path for variable in task.variables}
    assert len(trained) == len(model.gates)
    for path in trained:
        assert np.abs(gradients[path]).max() > 1e-6
    # TensorFlow tracks all variables; those of the trunk are not trained.
    trainable = {v.path for v in model.trainable_variables}
    assert trainable == trained


def test_complexity_pushes_towards_narrower_widths(model):
    """A step against its gradient favors the slimmest over the widest."""
    task, draws = GateTask(model), 2000
    features = tf.repeat(model.stem(IMAGES[:1]), draws, axis=0)
    noise = task.draw(np.random.default_rng(0), draws, 0)["noise"]
    kernels = [layer.slimming.kernel for layer in model.gate_layers]
    before = [kernel.numpy() for kernel in kernels]
    for kernel in kernels:
        kernel.assign(0.0 * kernel)
    with tf.GradientTape() as tape:
        masked = dsnet_masked.run(model, features, noise)
        loss = tf.reduce_mean((masked.flops / task.total_flops) ** 2)
    gradients = tape.gradient(loss, masked.gate_logits)
    for kernel, value in zip(kernels, before, strict=True):
        kernel.assign(value)
    for gradient in gradients:
        change = -np.sum(gradient, axis=0)
        assert change[0] > 0 > change[-1]


def test_classification_alone_reaches_the_heads(model):
    task = GateTask(model, complexity_weight=0.0, guidance_weight=0.0)
    gradients = gradients_of(task, batch_of(task))
    for variable in task.variables:
        assert np.abs(gradients[variable.path]).max() > 1e-7


# Guidance


def test_the_slimmest_suits_what_it_answers_right(model):
    labels = right_labels(model, 0)
    labels[::3] = (labels[::3] + 1) % dsnet_models.CLASSES
    suited = GateTask(model).suited(model.stem(IMAGES), labels)
    expected = np.arange(COUNT) % 3 == 0
    np.testing.assert_array_equal(suited, expected.astype("float32"))


def test_giving_up_sends_hard_images_to_the_slimmest(model):
    slim, wide = right_labels(model, 0), right_labels(model, -1)
    labels = wide.copy()
    # Every third image is one that no path answers right.
    for place in range(0, COUNT, 3):
        taken = {slim[place], wide[place]}
        labels[place] = min(set(range(10)) - taken)
    task = GateTask(model, hard_samples="give_up")
    suited = np.asarray(task.suited(model.stem(IMAGES), labels))
    dependent = (slim != labels) & (wide == labels)
    np.testing.assert_array_equal(suited, dependent.astype("float32"))
    best = np.asarray(GateTask(model).suited(model.stem(IMAGES), labels))
    np.testing.assert_array_equal(best, (slim != labels).astype("float32"))
    assert (best != suited).sum() == COUNT // 3


def test_guidance_is_cross_entropy_of_the_ends():
    logits = tf.constant([[2.0, 0.0, -1.0], [0.5, 0.5, 3.0]])
    losses = guidance([logits, 2 * logits], tf.constant([0.0, 1.0]))
    expected = [
        keras.losses.sparse_categorical_crossentropy(
            tf.constant([0, 2]), factor * logits, from_logits=True
        )
        for factor in (1, 2)
    ]
    np.testing.assert_allclose(losses, np.mean(expected, axis=0), rtol=1e-5)


# Draws


def test_draws_depend_on_the_generator_only(model):
    task = GateTask(model)
    first, again, other = (
        task.draw(np.random.default_rng(seed), 4, 0)["noise"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    gates = model.gates
    assert first.shape == (4, len(gates), len(gates[0].choices))
    assert first.dtype == "float32"


def test_draws_are_gumbel(model):
    noise = GateTask(model).draw(np.random.default_rng(0), 20_000, 0)["noise"]
    assert noise.mean() == pytest.approx(np.euler_gamma, abs=0.02)
    assert noise.var() == pytest.approx(math.pi**2 / 6, abs=0.05)


def test_chance_is_near_the_loss_of_a_guess(model):
    task = GateTask(model)
    assert task.classes == dsnet_models.CLASSES
    gates = np.log(len(model.gates[0].choices))
    assert math.log(10) + gates < task.chance() < math.log(10) + gates + 0.51


# Errors


def test_errors(model):
    with pytest.raises(ValueError, match="`complexity_weight` must be"):
        GateTask(model, complexity_weight=-1)
    with pytest.raises(ValueError, match="`guidance_weight` must be"):
        GateTask(model, guidance_weight=-1)
    with pytest.raises(ValueError, match="`hard_samples` must be one of"):
        GateTask(model, hard_samples="ignore")


# Both stages


def batches_of(labels):
    dataset = tf.data.Dataset.from_tensors((IMAGES, labels.astype("int32")))
    # A batch of a known size, as the training wants it.
    dataset = dataset.repeat(STEPS)
    return lambda epoch, start_batch: dataset.skip(start_batch)


@pytest.mark.slow
def test_gates_are_trained():
    model = dsnet_models.make(dsnet_models.MOBILENET, IMAGES)
    labels = right_labels(model, 0)
    # The slimmest is right: the gates learn to choose it.
    task = GateTask(model)
    trainer = TaskTrainer(task, keras.optimizers.Adam(0.1))
    frozen = [v.numpy() for v in model.non_trainable_variables]
    logs = trainer.fit(
        batches_of(labels), epochs=4, steps_per_epoch=STEPS, verbose=0
    ).history
    assert logs["flops"][-1] < 0.8 * logs["flops"][0]
    assert logs["accuracy"][-1] > logs["accuracy"][0]
    _, chosen = model.route(IMAGES)
    assert np.mean(np.asarray(chosen) == 0) > 0.75
    for variable, before in zip(
        model.non_trainable_variables, frozen, strict=True
    ):
        np.testing.assert_array_equal(variable, before)


@pytest.mark.exhaustive
def test_the_supernet_is_trained_by_ensemble_bootstrapping():
    supernet = keras_elastic.Supernet(dsnet_models.MOBILENET, 10)
    trainer = Trainer(
        supernet,
        keras.optimizers.SGD(
            0.05, momentum=0.9, use_ema=True, ema_momentum=0.9
        ),
        sampler=Sandwich(),
        objective=EnsembleBootstrapping(),
    )
    labels = np.arange(COUNT) % 10
    logs = trainer.fit(
        batches_of(labels), epochs=2, steps_per_epoch=STEPS, verbose=0
    ).history
    assert logs["loss"][-1] < logs["loss"][0]
    assert np.isfinite(logs["smallest_loss"]).all()

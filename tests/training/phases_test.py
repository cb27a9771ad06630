import dataclasses

import keras
import numpy as np
import pytest
from training import tiny

from keras_elastic import families
from keras_elastic.models import Supernet
from keras_elastic.models.initial_weights import InitialWeights
from keras_elastic.training import KerasTeacher
from keras_elastic.training import Recipe
from keras_elastic.training import Single
from keras_elastic.training import phases
from keras_elastic.training.phases import PhaseTrainer

STEPS = 2
RECIPE = Recipe(
    name="mine",
    family="bignas_digits",
    dataset="digits",
    patch_size=8,
    batch_size=8,
    epochs=1,
    learning_rate=0.01,
    budgets=(1e6,),
    sampler="random",
    num_random=1,
    objective="supervised",
    optimizer="sgd",
    warmup_epochs=0.0,
)
PHASES = (
    {
        "name": "whole",
        "keep_largest": {"depth": 1, "kernel_size": 1, "expand_ratio": 1},
    },
    {
        "name": "shrunk",
        "teacher": "phase:whole",
        "epochs": 2,
        "interpolation": 0.25,
    },
    {"name": "sorted", "sort_channels": True},
)
IN_PHASES = RECIPE.replace(phases=PHASES)


@pytest.fixture(autouse=True, scope="module")
def tiny_family():
    """A recipe names its family: for these tests, the tiny one."""
    patch = pytest.MonkeyPatch()
    patch.setattr(families, "get", lambda name, **changes: tiny.FAMILY)
    yield
    patch.undo()


class Killed(Exception):
    """Stands for a kill: nothing of the trainer runs after it."""


@dataclasses.dataclass
class Watcher:
    """Makes callbacks that note what ran, and may kill a phase."""

    kill: tuple | None = None
    ran: list = dataclasses.field(default_factory=list)
    trainers: dict = dataclasses.field(default_factory=dict)

    def __call__(self, name, trainer):
        self.trainers[name] = trainer

        def on_batch_end(batch, logs):
            self.ran.append((name, trainer.step))
            if (name, trainer.step) == self.kill:
                raise Killed

        return [keras.callbacks.LambdaCallback(on_train_batch_end=on_batch_end)]


def make_trainer(
    folder,
    recipe=IN_PHASES,
    watcher=None,
    labels=("a", "b", "c"),
    **arguments,
):
    if watcher is not None:
        arguments["make_callbacks"] = watcher
    run = tiny.TinyRun(
        dataset=tiny.make_dataset(labels, steps=STEPS),
        folder=folder,
        checkpoint_every=1,
        **arguments,
    )
    return PhaseTrainer(recipe, run, name="")


def train(folder, recipe=IN_PHASES, watcher=None, **arguments):
    """Final weights of a run."""
    trainer = make_trainer(folder, recipe, watcher, **arguments)
    return trainer.train().get_weights()


def assert_equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def final(folder):
    """Weights that a phase left."""
    loaded = Supernet(tiny.FAMILY, tiny.CLASSES)
    loaded.load_weights(folder / "final.weights.h5")
    return loaded.get_weights()


@pytest.fixture(scope="module")
def sortings():
    """Weights before and after each sorting of channels."""
    seen = []
    sort_channels = phases.sort_channels

    def sort_and_note(supernet, **arguments):
        before = supernet.get_weights()
        sort_channels(supernet, **arguments)
        seen.append((before, supernet.get_weights()))

    patch = pytest.MonkeyPatch()
    patch.setattr(phases, "sort_channels", sort_and_note)
    yield seen
    patch.undo()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, tiny_family, sortings):
    """Folder, watcher and final weights of a run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    watcher = Watcher()
    return folder, watcher, train(folder, watcher=watcher)


@pytest.mark.slow
def test_phases_run_one_after_another(whole):
    folder, watcher, weights = whole
    expected = [("whole", 1), ("whole", 2)]
    expected += [("shrunk", step) for step in (1, 2, 3, 4)]
    expected += [("sorted", 1), ("sorted", 2)]
    assert watcher.ran == expected
    assert_equal(final(folder / "sorted"), weights)


@pytest.mark.slow
def test_a_phase_is_of_its_part_of_the_space(whole):
    _, watcher, _ = whole
    spaces = {n: t.task.sampler.space for n, t in watcher.trainers.items()}
    assert spaces["whole"].depth == ((1,), (2,))
    assert spaces["whole"].kernel_size[-1] == (5,)
    assert spaces["shrunk"] == tiny.FAMILY.space


@pytest.mark.slow
def test_the_first_phase_teaches_the_second(whole):
    folder, watcher, _ = whole
    assert watcher.trainers["whole"].task.objective.teacher is None
    teacher = watcher.trainers["shrunk"].task.objective.teacher
    assert teacher.arch == tiny.FAMILY.space.largest
    # It has not learned since.
    assert_equal(teacher.supernet.get_weights(), final(folder / "whole"))


@pytest.mark.slow
def test_a_phase_ends_between_where_it_began_and_what_it_trained(
    whole, sortings
):
    folder, _, _ = whole
    began, trained = final(folder / "whole"), final(folder / "shrunk")
    # What it ended with is what the next phase sorts, the only one to do so.
    [(ended, _)] = sortings
    for a, b, found in zip(began, trained, ended, strict=True):
        np.testing.assert_allclose(found, 0.75 * a + 0.25 * b, atol=1e-6)
    # The phase has moved, or anything would be equal.
    moved = [np.abs(a - b).max() for a, b in zip(began, trained, strict=True)]
    assert max(moved) > 1e-4


@pytest.mark.parametrize(
    "phases",
    [
        ({"name": "one", "interpolation": 0.5},),
        (
            {"name": "one"},
            {"name": "two", "interpolation": 0.5, "sort_channels": True},
        ),
    ],
)
def test_there_must_be_weights_to_interpolate_with(tmp_path, phases):
    with pytest.raises(ValueError, match="`interpolation` must be 1"):
        make_trainer(tmp_path, RECIPE.replace(phases=phases))


@pytest.mark.slow
def test_channels_are_sorted_before_the_phase(whole, sortings):
    _, _, weights = whole
    [(before, after)] = sortings
    # Two steps of a small learning rate later they are close to it.
    distances = [
        sum(np.sum((a - b) ** 2) for a, b in zip(start, weights, strict=True))
        for start in (before, after)
    ]
    assert distances[1] < 0.1 * distances[0]


@pytest.mark.exhaustive
def test_a_killed_phase_resumes_with_the_same_weights(tmp_path, whole):
    killed = Watcher(kill=("shrunk", 3))
    with pytest.raises(Killed):
        train(tmp_path, watcher=killed)
    resumed = Watcher()
    weights = train(tmp_path, watcher=resumed)
    # The checkpoint is of the step before, which callbacks come after.
    assert resumed.ran[0] == ("shrunk", 3)
    assert_equal(weights, whole[2])


@pytest.mark.slow
def test_done_phases_are_not_run_again(whole):
    folder, _, weights = whole
    watcher = Watcher()
    assert_equal(train(folder, watcher=watcher), weights)
    assert watcher.ran == []
    assert watcher.trainers == {}


# One phase


@pytest.mark.slow
def test_the_averaged_weights_of_a_given_sampler_are_the_result(tmp_path):
    watcher = Watcher()
    sampler = Single(tiny.FAMILY.space.smallest)
    recipe = RECIPE.replace(ema_momentum=0.5)
    supernet = make_trainer(tmp_path, recipe, watcher).train(sampler)
    [trainer] = watcher.trainers.values()
    assert trainer.task.sampler is sampler
    assert supernet.mode == "sliced"
    weights = supernet.get_weights()
    assert_equal(final(tmp_path), weights)
    with trainer.averaged_weights():
        assert_equal(trainer.model.get_weights(), weights)
    assert not np.allclose(trainer.model.get_weights()[0], weights[0])


# Teachers


def make_teacher(classes=tiny.CLASSES):
    inputs = keras.Input((8, 8, 3))
    features = keras.layers.Flatten()(inputs)
    return KerasTeacher(
        keras.Model(inputs, keras.layers.Dense(classes)(features))
    )


def test_teachers_are_loaded_once_by_name(tmp_path):
    asked = []

    def load(name):
        asked.append(name)
        return make_teacher()

    phases = tuple(
        {"name": name, "teacher": "expert.keras"} for name in ("one", "two")
    )
    make_trainer(tmp_path, RECIPE.replace(phases=phases), load_teacher=load)
    assert asked == ["expert.keras"]


def test_a_teacher_of_other_classes_is_refused(tmp_path):
    recipe = RECIPE.replace(teacher="expert.keras")
    with pytest.raises(ValueError, match="the 3 classes.*teacher of 4"):
        make_trainer(
            tmp_path, recipe, load_teacher=lambda name: make_teacher(4)
        )


@pytest.mark.parametrize(
    "recipe",
    [
        RECIPE.replace(teacher="phase:small"),
        RECIPE.replace(phases=({"name": "one", "teacher": "phase:one"},)),
        RECIPE.replace(
            phases=({"name": "one", "teacher": "phase:two"}, {"name": "two"})
        ),
    ],
)
def test_only_an_earlier_phase_can_teach(tmp_path, recipe):
    with pytest.raises(ValueError, match="an earlier phase.*teacher='phase:"):
        make_trainer(tmp_path, recipe)


# Initial weights


def make_initial(labels=("a", "b", "c")):
    source = tiny.make_supernet()
    # Other weights than those of a new head with the same seed.
    source.head_classifier.kernel.assign(2 * source.head_classifier.kernel)
    return source, InitialWeights.of_supernet("mine", source, labels)


def begin(folder, recipe, initial, **arguments):
    """The supernet of the first phase, before its first step."""
    trainer = make_trainer(
        folder, recipe, load_initial=lambda *_: initial, **arguments
    )
    return trainer._make_supernet(recipe, None, trainer._initial)


def test_a_training_begins_with_initial_weights(tmp_path):
    source, initial = make_initial()
    recipe = RECIPE.replace(initial="mine")
    supernet = begin(tmp_path, recipe, initial=initial, labels=("x", "b", "c"))
    np.testing.assert_array_equal(
        supernet.stem_conv.kernel, source.stem_conv.kernel
    )
    columns = supernet.head_classifier.kernel.numpy()
    theirs = source.head_classifier.kernel.numpy()
    np.testing.assert_array_equal(columns[:, 1:], theirs[:, 1:])
    assert not np.array_equal(columns[:, 0], theirs[:, 0])


def test_its_new_columns_are_the_same_each_time(tmp_path):
    _, initial = make_initial()
    recipe = RECIPE.replace(initial="mine")
    one, other = (
        begin(tmp_path, recipe, initial=initial, labels=("x", "y", "z"))
        for _ in range(2)
    )
    assert_equal(one.get_weights(), other.get_weights())


def test_channels_are_sorted_between_blocks_too(tmp_path):
    source, initial = make_initial()
    recipe = RECIPE.replace(initial="mine", sort_channels=True)
    supernet = begin(tmp_path, recipe, initial=initial)
    kernel, before = (
        model.stem_conv.kernel.numpy() for model in (supernet, source)
    )
    assert not np.array_equal(kernel, before)
    np.testing.assert_array_equal(np.sort(kernel, 3), np.sort(before, 3))


def test_initial_weights_that_are_named_must_be_given(tmp_path):
    with pytest.raises(ValueError, match="`load_initial` must be.*'mine'"):
        make_trainer(tmp_path, RECIPE.replace(initial="mine"))
    make_trainer(tmp_path, RECIPE.replace(initial="random"))


def test_steps_of_a_phase(tmp_path):
    recipe = RECIPE.replace(
        phases=({"name": "one", "steps_per_epoch": 1}, {"name": "two"})
    )
    trainer = make_trainer(tmp_path, recipe)
    steps = [
        trainer.run.steps_per_epoch(phase) for phase in recipe.phase_recipes()
    ]
    assert steps == [1, STEPS]


@pytest.mark.slow
def test_a_phase_may_train_the_head_alone(tmp_path):
    recipe = RECIPE.replace(trained="head", schedule="cosine")
    supernet = make_trainer(tmp_path, recipe)
    keras.utils.set_random_seed(recipe.seed)
    before = Supernet(tiny.FAMILY, tiny.CLASSES)
    after = supernet.train()
    changed = {
        one.path
        for one, other in zip(before.weights, after.weights, strict=True)
        if not np.array_equal(one.numpy(), other.numpy())
    }
    assert changed == {"head_classifier/kernel", "head_classifier/bias"}


@pytest.mark.slow
def test_a_phase_draws_from_a_front(tmp_path):
    asked, watcher = [], Watcher()
    chosen = tiny.FAMILY.space.smallest

    def load_archs(name, family):
        asked.append((name, family))
        return [chosen]

    recipe = RECIPE.replace(
        phases=(
            {"name": "grid", "drawn_from": "skeletons"},
            {"name": "tail", "drawn_from": "some_run"},
        )
    )
    train(tmp_path, recipe, watcher, load_archs=load_archs)
    archs = [
        watcher.trainers[name].task.sampler.archs for name in watcher.trainers
    ]
    assert len(archs[0]) > 1
    assert archs[1] == (chosen,)
    assert asked == [("some_run", tiny.FAMILY)]


def test_a_front_that_is_named_must_be_given(tmp_path):
    with pytest.raises(ValueError, match="`load_archs`.*some_run"):
        make_trainer(tmp_path, RECIPE.replace(drawn_from="some_run"))
    with pytest.raises(ValueError, match="`drawn_from`.*some_run"):
        make_trainer(
            tmp_path,
            RECIPE.replace(drawn_from="some_run"),
            load_archs=lambda name, family: [],
        )
    assert not list(tmp_path.iterdir())

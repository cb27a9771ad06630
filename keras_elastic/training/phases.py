"""Trains a supernet by a recipe, phase by phase."""

import dataclasses
import pathlib

import keras

from keras_elastic.models.sorting import sort_channels
from keras_elastic.models.supernet import Supernet
from keras_elastic.training.ingredients import trained_space
from keras_elastic.training.task import SubnetTask
from keras_elastic.training.task import check_compilable
from keras_elastic.training.task import path_rates
from keras_elastic.training.teachers import SubnetTeacher
from keras_elastic.training.teachers import check_classes

# How `teacher` names an earlier phase, as "phase:whole".
PHASE = "phase:"


class PhaseTrainer:
    """Trains the supernet of a recipe.

    A recipe without phases is one phase. Each begins with the weights that
    the one before has left; a phase that is done is not run again.

    Reference:
    - Once-for-All (Cai et al., ICLR 2020), section 3.3: progressive shrinking
      is a sequence of phases with more and more choices.

    Args:
        recipe: `Recipe`.
        run: `Run`.
        name: String. The folder of the training in the run's.

    Raises:
        ValueError: A teacher knows other classes, or is no earlier phase;
            there is nothing to interpolate a phase's weights with;
            initial weights do not fit; there is nothing to draw subnets from;
            XLA cannot compile the mode.
    """

    def __init__(self, recipe, run, name="training"):
        self.recipe = recipe
        self.run = run
        self.name = name
        self.family = recipe.make_family()
        check_compilable(run.jit_compile, run.mode)
        _check_interpolation(recipe)
        self._archs = self._load_archs()
        self._initial = self._make_initial()
        self._teachers = self._load_teachers()
        # What each phase has left, by its name.
        self._left = {}

    def _make_initial(self):
        """The weights that the first phase begins with, or `None`."""
        recipe, run = self.recipe, self.run
        name = recipe.initial_name
        if name is None:
            return None
        if run.load_initial is None:
            raise ValueError(
                "`load_initial` must be given with a recipe that names initial "
                f"weights. Received: None, with {name!r}."
            )
        initial = run.load_initial(recipe, run.classes)
        keras.utils.set_random_seed(recipe.seed % 2**32)
        supernet = Supernet(self.family, run.classes)
        known = initial.give(supernet, run.dataset.class_names)
        print(
            f"Initial weights of {initial.name}, whose head knows {known} of "
            f"the {run.classes} classes."
        )
        return supernet.get_weights()

    def _load_archs(self):
        """The architectures of each front that a phase draws from."""
        phases = self.recipe.phase_recipes()
        names = {phase.front for phase in phases} - {None}
        load = self.run.load_archs
        if names and load is None:
            raise ValueError(
                "`load_archs` must be given with a recipe that draws from a "
                f"front. Received: None, with the fronts {sorted(names)}."
            )
        loaded = {name: load(name, self.family) for name in names}
        for phase in phases:
            phase.make_sampler(loaded.get(phase.front))
        return loaded

    def _load_teachers(self):
        teachers, earlier = {None: None}, []
        for phase in self.recipe.phase_recipes():
            name = phase.teacher
            if name is not None and name.startswith(PHASE):
                _check_earlier(name, earlier)
            elif name not in teachers:
                teacher = self.run.teacher(phase)
                check_classes(teacher, self.run.classes)
                teachers[name] = teacher
            earlier.append(phase.name)
        return teachers

    def train(self, sampler=None):
        """Trains all phases.

        Args:
            sampler: Draws the architectures of each step, instead of what the
                recipe says.

        Returns:
            A `Supernet` of mode "sliced", outside of every strategy, with the
            trained weights, averaged if the recipe says so.
        """
        weights, before = self._initial, None
        for phase in self.recipe.phase_recipes():
            trained = self._train_phase(phase, before, weights, sampler)
            weights = interpolate(weights, trained, phase.interpolation)
            self._left[phase.name] = weights
            before = phase
        return self._with_weights(weights)

    def _train_phase(self, phase, before, weights, sampler):
        name = self.name
        if self.recipe.phases:
            name = str(pathlib.PurePath(name, phase.name))
            print(f"Phase {phase.name!r}")

        def make_task():
            supernet = self._make_supernet(phase, before, weights)
            return SubnetTask(
                supernet,
                sampler or phase.make_sampler(self._archs.get(phase.front)),
                phase.make_objective(self._teacher_of(phase)),
                paths=path_rates(
                    supernet, phase.drop_path, phase.drop_path_stages
                ),
            )

        return self.run.train(name, phase, make_task)

    def _make_supernet(self, phase, before, weights):
        supernet = Supernet(
            self.family,
            self.run.classes,
            mode=self.run.mode,
            dtype=phase.dtype,
        )
        if weights is not None:
            supernet.set_weights(weights)
        if phase.sort_channels:
            sort_channels(
                supernet, keep=_trained_widths(before), trunk=before is None
            )
        if phase.trained == "head":
            _freeze_trunk(supernet)
        return supernet

    def _teacher_of(self, phase):
        name = phase.teacher
        if name not in self._teachers:
            return self._earlier_teacher(name.removeprefix(PHASE))
        return self._teachers[name]

    def _earlier_teacher(self, name):
        """The largest subnet that an earlier phase has trained."""
        [phase] = [
            phase for phase in self.recipe.phase_recipes() if phase.name == name
        ]
        # In the scope of the strategy, as all variables of a step.
        supernet = self._with_weights(self._left[name], self.run.mode)
        return SubnetTeacher(supernet, trained_space(phase).largest)

    def _with_weights(self, weights, mode="sliced"):
        supernet = Supernet(self.family, self.run.classes, mode=mode)
        supernet.set_weights(weights)
        return supernet


def _check_interpolation(recipe):
    """Raises a `ValueError` if a phase does not begin with given weights."""
    is_first = recipe.initial_name is None
    for phase in recipe.phase_recipes():
        if phase.interpolation < 1 and (is_first or phase.sort_channels):
            raise ValueError(
                "`interpolation` must be 1 for a phase that begins with random "
                "weights, or sorts channels first. Received: "
                f"interpolation={phase.interpolation} for {phase.name!r}. "
                "Leave it out there."
            )
        is_first = False


def interpolate(start, end, part):
    """Weights that are a part of the way from some to others."""
    if part == 1:
        return end
    return [a + part * (b - a) for a, b in zip(start, end, strict=True)]


def _check_earlier(teacher, earlier):
    """Raises a `ValueError` if a teacher is none of the earlier phases."""
    names = [PHASE + name for name in earlier]
    if teacher not in names:
        raise ValueError(
            "`teacher` must be an earlier phase of the recipe, a .keras file, "
            "a run or an entry of the zoo. Received: "
            f"teacher={teacher!r}, before which there are {names}."
        )


def _freeze_trunk(supernet):
    """Lets the classifier alone be trained."""
    plan = supernet.family.plan(supernet.space.largest, supernet.classes)
    classifier = getattr(supernet, plan.classifier)
    for layer in supernet.layers:
        layer.trainable = layer is classifier


def _trained_widths(phase):
    """Architectures of the expansions that a phase has trained, each once."""
    if phase is None:
        return ()
    space = phase.make_family().space.keep_largest(**phase.keep_largest)
    most = max((len(choices) for choices in space.expand_ratio), default=0)
    return [
        dataclasses.replace(
            space.largest,
            expand_ratio=tuple(
                choices[min(level, len(choices) - 1)]
                for choices in space.expand_ratio
            ),
        )
        for level in range(most)
    ]

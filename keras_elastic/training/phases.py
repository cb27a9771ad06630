"""Trains by a recipe, phase by phase, and picks up where a kill left it."""

import contextlib
import dataclasses
import pathlib

import keras

from keras_elastic import files
from keras_elastic.models.sorting import sort_channels
from keras_elastic.models.supernet import Supernet
from keras_elastic.training.teachers import SubnetTeacher
from keras_elastic.training.teachers import check_classes
from keras_elastic.training.trainer import Trainer
from keras_elastic.training.trainer import check_compilable

FIRST_PHASE = "first_phase"
_FINAL = "final.weights.h5"


class PhaseTrainer:
    """Trains the supernet of a recipe.

    A recipe without phases is one phase. Each phase has a folder with its
    checkpoints and, when it is done, its final weights, with which the next
    one begins; a phase that is done is not run again.

    Reference:
    - Once-for-All (Cai et al., ICLR 2020), section 3.3: progressive shrinking
      is a sequence of phases with more and more choices.

    Args:
        recipe: `Recipe`.
        classes: Integer. Number of classes.
        make_batches: Function from the recipe of a phase to the `batches` of
            `Trainer.fit`.
        steps_per_epoch: Integer, for phases that do not say otherwise.
        folder: Path. What all workers see.
        mode: `"sliced"` or `"masked"`.
        jit_compile: Boolean. Whether to compile the steps with XLA.
        scope: Function that returns the context to make variables in:
            `strategy.scope`.
        load_teacher: Function from the name of a teacher in the recipe to the
            teacher; called in the scope.
        load_archs: Function from the name of a front in a recipe's
            `drawn_from`, and the family, to its architectures.
        initial: `InitialWeights` that the recipe's `initial_name` calls, or
            `None`.
        labels: What tells the classes of the data set apart, by label, for
            the columns of the initial classifier.
        make_callbacks: Function from a phase's name and `Trainer` to Keras
            callbacks.
        checkpoint_every: Integer. Steps between checkpoints, or `None`.

    Raises:
        ValueError: A teacher knows other classes, or it is the first phase's
            own; or there is nothing to draw subnets from.
    """

    def __init__(
        self,
        recipe,
        classes,
        make_batches,
        steps_per_epoch,
        folder,
        *,
        mode="sliced",
        jit_compile=False,
        scope=contextlib.nullcontext,
        load_teacher=None,
        load_archs=None,
        initial=None,
        labels=None,
        make_callbacks=None,
        checkpoint_every=None,
    ):
        self.recipe = recipe
        self.family = recipe.make_family()
        self.classes = classes
        self.make_batches = make_batches
        self.steps_per_epoch = steps_per_epoch
        self.folder = pathlib.Path(folder)
        self.mode = mode
        self.jit_compile = jit_compile
        self.scope = scope
        self.make_callbacks = make_callbacks or (lambda name, trainer: [])
        self.checkpoint_every = checkpoint_every
        self.labels = labels
        self._archs = self._load_archs(load_archs)
        self._initial = self._make_initial(initial)
        check_compilable(jit_compile, mode)
        self._teachers = self._load_teachers(load_teacher)
        self._first = None

    def _make_initial(self, initial):
        """The weights that the first phase begins with, or `None`."""
        if initial is None:
            name = self.recipe.initial_name
            if name is not None:
                raise ValueError(
                    "`initial` must be given with a recipe that names initial "
                    f"weights. Received: None, with {name!r}."
                )
            return None
        keras.utils.set_random_seed(self.recipe.seed % 2**32)
        supernet = Supernet(self.family, self.classes)
        known = initial.give(supernet, self.labels)
        print(
            f"Initial weights of {initial.name}, whose head knows {known} of "
            f"the {self.classes} classes."
        )
        return supernet.get_weights()

    def _load_archs(self, load_archs):
        """The architectures of each front that a phase draws from."""
        phases = self.recipe.phase_recipes()
        names = {phase.front for phase in phases} - {None}
        if names and load_archs is None:
            raise ValueError(
                "`load_archs` must be given with a recipe that draws from a "
                f"front. Received: None, with the fronts {sorted(names)}."
            )
        loaded = {name: load_archs(name, self.family) for name in names}
        for phase in phases:
            phase.make_sampler(loaded.get(phase.front))
        return loaded

    def _load_teachers(self, load_teacher):
        first, *others = self.recipe.phase_recipes()
        if first.teacher == FIRST_PHASE:
            raise ValueError(
                "`teacher` can be 'first_phase' in later phases only. "
                f"Received: it is the teacher of {first.name!r}."
            )
        names = {phase.teacher for phase in (first, *others)}
        names -= {None, FIRST_PHASE}
        if names and load_teacher is None:
            raise ValueError(
                "`load_teacher` must be given with a recipe that names a "
                f"teacher. Received: None, with the teachers {sorted(names)}."
            )
        with self.scope():
            loaded = {name: load_teacher(name) for name in names}
        for teacher in loaded.values():
            check_classes(teacher, self.classes)
        return loaded

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
            weights = self._train_phase(phase, before, weights, sampler)
            self._first = self._first or weights
            before = phase
        return self._with_weights(weights)

    def _train_phase(self, phase, before, weights, sampler):
        folder = self.folder
        if self.recipe.phases:
            folder = folder / phase.name
            print(f"Phase {phase.name!r}")
        final = folder / _FINAL
        if final.exists():
            supernet = Supernet(self.family, self.classes)
            supernet.load_weights(final)
            return supernet.get_weights()
        keras.utils.set_random_seed(phase.seed % 2**32)
        with self.scope():
            trainer = self._make_trainer(phase, before, weights, sampler)
        trainer.fit(
            self.make_batches(phase),
            epochs=phase.epochs,
            steps_per_epoch=self._steps(phase),
            folder=folder,
            checkpoint_every=self.checkpoint_every,
            callbacks=self.make_callbacks(folder.name, trainer),
        )
        with trainer.averaged_weights():
            weights = trainer.supernet.get_weights()
        if trainer.is_chief:
            with files.replacing(final) as temporary:
                self._with_weights(weights).save_weights(temporary)
        return weights

    def _make_trainer(self, phase, before, weights, sampler):
        supernet = Supernet(
            self.family, self.classes, mode=self.mode, dtype=phase.dtype
        )
        if weights is not None:
            supernet.set_weights(weights)
        if phase.sort_channels:
            sort_channels(
                supernet, keep=_trained_widths(before), trunk=before is None
            )
        if phase.trained == "head":
            _freeze_trunk(supernet)
        return Trainer(
            supernet,
            phase.make_optimizer(self._steps(phase)),
            sampler or phase.make_sampler(self._archs.get(phase.front)),
            phase.make_objective(self._teacher_of(phase)),
            jit_compile=self.jit_compile,
            **phase.step_settings(),
        )

    def _steps(self, phase):
        return phase.steps_per_epoch or self.steps_per_epoch

    def _teacher_of(self, phase):
        if phase.teacher != FIRST_PHASE:
            return self._teachers.get(phase.teacher)
        # In the scope of the strategy, as all variables of a step.
        supernet = self._with_weights(self._first, self.mode)
        return SubnetTeacher(supernet, self.family.space.largest)

    def _with_weights(self, weights, mode="sliced"):
        supernet = Supernet(self.family, self.classes, mode=mode)
        supernet.set_weights(weights)
        return supernet


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

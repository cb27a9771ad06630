"""What a run consists of, and how much work each part is."""

from keras_elastic.selection import Budget
from keras_elastic.training import Recipe
from keras_elastic.training.time_left import TimeLeft
from keras_elastic.zoo.recipes import make_search

# What a pass forward and back takes, in passes forward. Three by arithmetic;
# nine were measured where networks are tiny, and steps take more than images.
_TRAINED = 6
# Networks of a front, before it is known.
_NETWORKS = 12
SELECTION, TEST, ALONE, REPORT = "selection", "test", "alone", "report"


class _Counted(Exception):
    """Ends a search that is to be counted, and not run."""


def time_left(recipe, run, compare=False, **options) -> TimeLeft:
    """Returns what says how long a run will take yet.

    Work is counted in images that pass forward through a network of middle
    size.

    Args:
        recipe: `TrainingRecipe`.
        run: `Run`.
        compare: Boolean. Whether the largest architecture is trained alone.
        **options: Arguments of `TimeLeft`.
    """
    stages = {}
    for name, part, passes in recipe.trainings():
        steps = part.epochs * run.steps_per_epoch(part)
        stages[name] = _TRAINED * steps * part.batch_size * passes
    calibration = min(recipe.calibration_images, run.dataset.train.size)
    held_out, test = run.dataset.held_out.size, run.dataset.test.size
    if type(recipe) is not Recipe:
        stages[REPORT] = calibration + held_out + test
        return TimeLeft(stages, **options)
    selected = min(recipe.selection_images or held_out, held_out)
    candidates = count_candidates(recipe, run.classes)
    stages[SELECTION] = candidates * (calibration + selected)
    stages[TEST] = _NETWORKS * (calibration + test)
    if compare:
        steps = recipe.epochs * run.steps_per_epoch(recipe)
        stages[ALONE] = _TRAINED * steps * recipe.batch_size
    return TimeLeft(stages, **options)


def count_candidates(recipe, classes) -> int:
    """Number of candidates that the selection of a recipe will score."""

    def stop(done, total):
        raise _Counted(total)

    budgets = [Budget(flops=flops) for flops in recipe.budgets]
    try:
        make_search(recipe).search(
            recipe.make_family(), classes, lambda arch: 0.0, budgets, stop
        )
    except _Counted as counted:
        return counted.args[0]
    return 0

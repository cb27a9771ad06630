"""What the scripts share: how errors and progress are shown."""

import sys

import keras
from absl import app


def run(main):
    """Runs the `main` of a script, as `absl.app.run` does.

    A `ValueError` says what to change, so its message is printed without the
    traceback that would bury it. The exit status is then 1.

    Args:
        main: Function of the arguments that are not flags.
    """

    def shown(argv):
        try:
            main(argv)
        except ValueError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)

    app.run(shown)


def make_progress(unit):
    """Returns a function of what is done and all, which draws a bar.

    Args:
        unit: String. What is counted, in the singular.
    """
    bar = None

    def progress(done, total):
        nonlocal bar
        bar = bar or keras.utils.Progbar(total, unit_name=unit)
        bar.update(done)

    return progress

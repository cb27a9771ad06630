"""What the scripts share: how an error of the user's is shown."""

import sys

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

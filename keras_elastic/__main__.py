"""`python -m keras_elastic`: the zoo on the command line."""

import sys

from keras_elastic.command_line import main

if __name__ == "__main__":
    sys.exit(main())

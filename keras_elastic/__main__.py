"""`python -m keras_elastic`: what `keras-elastic` runs, too."""

import sys

from keras_elastic.command_line import main

if __name__ == "__main__":
    sys.exit(main())

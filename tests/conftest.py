"""Puts this folder on the path: `import contracts` works in every test."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

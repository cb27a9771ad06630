"""Puts this folder on the path: `import contracts` works in every test."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
pytest.register_assert_rewrite("contracts")

"""Ways to run a script of the repository's root."""

import contextlib
import importlib.util
import io
import pathlib
import sys

import forked
from absl import flags

ROOT = pathlib.Path(__file__).parents[1]


def command(script, *arguments):
    return [sys.executable, str(ROOT / script), *map(str, arguments)]


def start(script, *arguments):
    """Starts a script in a process of its own."""
    return forked.Forked(ROOT / script, *arguments)


def run(script, *arguments):
    """What a script prints in a process of its own, where it succeeds."""
    result = forked.run(ROOT / script, *arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


def call_main(script, *arguments):
    """What a script prints in this process, which takes less time."""
    printed = io.StringIO()
    with loaded(script) as module, contextlib.redirect_stdout(printed):
        module.main(flags.FLAGS([script, *map(str, arguments)]))
    return printed.getvalue()


@contextlib.contextmanager
def loaded(script):
    # Every script defines its flags when it is loaded, some by one name.
    name = pathlib.Path(script).stem
    spec = importlib.util.spec_from_file_location(name, ROOT / script)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        for flag in list(flags.FLAGS.flags_by_module_dict().get(name, ())):
            delattr(flags.FLAGS, flag.name)
        del sys.modules[name]

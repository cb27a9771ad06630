"""Processes of their own that have TensorFlow and Keras from the start.

They are forks of a server that has imported them and done nothing else: what
takes a new interpreter seconds is there at once. This package is not imported.
Which interpreter or backend runs something is for `subprocess`.
"""

import multiprocessing
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tensorflow", "keras", "sklearn.datasets"])


class Forked:
    """A script in a process, with what tests use of `subprocess.Popen`.

    Args:
        script: Path of the script, or `"-c"` for code.
        *arguments: What follows in the command line.
        cwd: Folder to run in. Defaults to this process's.
        **environment: Strings, added to the environment.
    """

    def __init__(self, script, *arguments, cwd=None, **environment):
        self.stdout, self.stderr = (
            tempfile.NamedTemporaryFile("r", encoding="utf-8") for _ in range(2)
        )
        self._process = _CONTEXT.Process(
            target=_run,
            args=(
                [str(script), *map(str, arguments)],
                str(cwd or os.getcwd()),
                environment,
                [self.stdout.name, self.stderr.name],
            ),
            daemon=True,
        )
        self._process.start()

    @property
    def returncode(self):
        return self._process.exitcode

    def poll(self):
        return self._process.exitcode

    def kill(self):
        self._process.kill()

    def wait(self, timeout=None):
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)
        return self._process.exitcode

    def communicate(self, timeout=None):
        """Waits for the end; returns what was printed and the errors."""
        self.wait(timeout)
        return self.stdout.read(), self.stderr.read()

    def close(self):
        """Deletes what was printed."""
        self.stdout.close()
        self.stderr.close()


def run(script, *arguments, cwd=None, **environment):
    """As `subprocess.run`, with the output as text."""
    process = Forked(script, *arguments, cwd=cwd, **environment)
    try:
        printed = process.communicate()
    finally:
        process.kill()
        process.close()
    return subprocess.CompletedProcess(script, process.returncode, *printed)


def _run(command, folder, environment, outputs):
    os.environ.update(environment)
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY), number)
    os.chdir(folder)
    script, *arguments = command
    if script != "-c":
        sys.argv = command
        sys.path.insert(0, str(pathlib.Path(script).parent))
        runpy.run_path(script, run_name="__main__")
        return
    code, *arguments = arguments
    sys.argv = ["-c", *arguments]
    sys.path.insert(0, "")
    exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})

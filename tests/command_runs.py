"""Ways to run commands of `keras-elastic`."""

from keras_elastic import command_line


def run(capsys, *arguments):
    """Returns the exit status and what was printed of a command."""
    status = command_line.main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err

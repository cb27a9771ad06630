"""What the scripts share: flags, and how errors and progress are shown."""

import dataclasses
import inspect
import math
import re
import sys
import typing

from absl import app
from absl import flags

from keras_elastic import untrusted


def run(main):
    """Runs the `main` of a script, as `absl.app.run` does.

    An error that says what to change is printed in a line, without the
    traceback that would bury it. The exit status is then 1, and 130 where the
    user has interrupted it.

    Args:
        main: Function of the arguments that are not flags.
    """

    def shown(argv):
        try:
            main(argv)
        except KeyboardInterrupt:
            _exit(
                "interrupted. The same command resumes where the last "
                "checkpoint was written.",
                130,
            )
        except (ValueError, OSError) as error:
            _exit(error)
        except RuntimeError as error:
            if not _is_ours(error):
                raise
            _exit(error)

    app.run(shown, flags_parser=_parse_flags)


def _parse_flags(argv):
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        _exit(f"{error} See --help.")


def _exit(error, status=1):
    print(f"error: {untrusted.printable(error)}", file=sys.stderr)
    sys.exit(status)


def _is_ours(error):
    return type(error).__module__.startswith("keras_elastic")


def check_finite(*names):
    """Raises a `ValueError` for a flag whose number is not finite."""
    for name in names:
        value = flags.FLAGS[name].value
        if value is not None and not math.isfinite(value):
            raise ValueError(
                f"--{name} must be a finite number. Received: --{name}={value}."
            )


def check_of_no_use(is_useless, names, needed):
    """Raises a `ValueError` for flags that were given and would do nothing.

    Args:
        is_useless: Boolean. Whether they would.
        names: Names of flags.
        needed: String. What they need: "--reference".
    """
    given = [f"--{name}" for name in names if flags.FLAGS[name].present]
    if is_useless and given:
        raise ValueError(
            f"{' and '.join(given)} need {needed}. Received: {given}, which "
            "would do nothing. Leave them out."
        )


def make_progress(unit, left=None, stage=None):
    """Returns a function of what is done and all, which draws a bar.

    Args:
        unit: String. What is counted, in the singular.
        left: `TimeLeft` of the run, which is told and printed, or `None`.
        stage: String. The stage of the run that is counted.
    """
    import keras

    bar = None
    if left is not None:
        left.begin(stage)
        left.tell()

    def progress(done, total):
        nonlocal bar
        bar = bar or keras.utils.Progbar(total, unit_name=unit)
        bar.update(done)
        if left is not None:
            left.update(stage, done / total)

    return progress


# Flags belong to the script that asks for them.
flags.disclaim_key_flags()

_DEFINE = {
    bool: flags.DEFINE_boolean,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


def define_flags(*tables, skip=(), prefix="Recipe. "):
    """Defines a flag for each field of dataclasses that a flag can hold.

    The help texts are those of the dataclasses' docstrings. Fields that are
    dictionaries have no flag. Fields of one name share a flag.

    Args:
        *tables: Dataclasses with an `Args` section in their docstrings.
        skip: Names of fields without a flag.
        prefix: String before each help text.

    Returns:
        Function without arguments that returns what the flags say: a
        dictionary of the fields whose flags were given.
    """
    types = {}
    for table in tables:
        helps = _helps_of(table)
        hints = typing.get_type_hints(table)
        for field in dataclasses.fields(table):
            kind = _kind_of(hints[field.name])
            if field.name in (*skip, *types) or kind is None:
                continue
            types[field.name] = hints[field.name]
            _define_flag(field.name, kind, prefix + helps[field.name])

    def given():
        values = {name: flags.FLAGS[name].value for name in types}
        return {
            name: _parse(name, types[name], value)
            for name, value in values.items()
            if value is not None
        }

    return given


def _define_flag(name, kind, text):
    if kind in _DEFINE:
        _DEFINE[kind](name, None, text)
    else:
        flags.DEFINE_list(name, None, f"{text} Comma separated.")


def _kind_of(annotation):
    """`bool`, `int`, `float`, `str`, `tuple`, or `None` for others."""
    options = typing.get_args(annotation)
    plain = [option for option in options if option is not type(None)]
    if type(None) in options and len(plain) == 1:
        return _kind_of(plain[0])
    if annotation in _DEFINE:
        return annotation
    if typing.get_origin(annotation) is tuple:
        return tuple if options[0] in (int, float, str) else None
    return None


def _parse(name, annotation, value):
    if not isinstance(value, list):
        return value
    [element] = {int, float, str} & set(_leaves(annotation))
    try:
        return tuple(element(part) for part in value)
    except ValueError as error:
        raise ValueError(
            f"--{name} must be numbers, separated by commas. Received: "
            f"--{name}={','.join(value)} ({error})."
        ) from error


def _leaves(annotation):
    options = typing.get_args(annotation)
    if not options:
        return [annotation]
    return [leaf for option in options for leaf in _leaves(option)]


_TYPE = re.compile(r"^(String|Integer|Float|Boolean)\. ")


def _helps_of(table):
    """The text of each argument in the docstrings of a class and its bases."""
    helps = {}
    for base in reversed(table.__mro__):
        if dataclasses.is_dataclass(base):
            helps.update(_own_helps_of(base))
    return helps


def _own_helps_of(table):
    return {
        # The type is beside the flag already.
        name: _TYPE.sub("", text)
        for name, text in arguments_of(inspect.getdoc(table)).items()
    }


def arguments_of(docstring):
    """The texts of the arguments in a docstring, by name.

    Args:
        docstring: String with a section `Args`, not indented.
    """
    section = docstring.split("\nArgs:\n")[1].split("\n\n")[0]
    entries = re.split(r"^    (\w+): ", section, flags=re.MULTILINE)[1:]
    return {
        name: " ".join(text.split())
        for name, text in zip(entries[::2], entries[1::2], strict=True)
    }

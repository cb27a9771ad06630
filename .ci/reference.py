"""What the site's reference needs to read this package: a griffe extension.

Griffe reads sources without running them. Names that a namespace attaches
late, or that are a module's too, are known only when it is imported; and
docstrings are written as Keras's are, which griffe's Google style knows in
part.
"""

import importlib
import logging
import re
import types

import griffe

_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
_LIST = re.compile(r"^(\S.*:)\n(?=- )", re.MULTILINE)
_CALL = re.compile(r"^Call arguments:\n((?:(?: {4}.*)?\n)+)", re.MULTILINE)
_ARGUMENT = re.compile(r"^(\w+):", re.MULTILINE)


class Reference(griffe.Extension):
    """Finds public names, and reads docstrings in Keras's form."""

    def on_package(self, *, pkg, **kwargs):
        """Gives each namespace the names that its users see.

        Args:
            pkg: The package, as griffe read it.
            **kwargs: What else griffe knows.
        """
        found = []
        for namespace in (pkg, *pkg.modules.values()):
            # An alias is a module that the package imports for its own use.
            if namespace.is_alias or not namespace.is_init_module:
                continue
            public = _public(importlib.import_module(namespace.path))
            namespace.exports = sorted(public)
            found += [
                (namespace, name, _definition(pkg, namespace, name, value))
                for name, value in public.items()
            ]
        # After all were found: a name may hide the module that defines it.
        for namespace, name, target in found:
            namespace.members[name] = griffe.Alias(
                name, target, parent=namespace
            )

    def on_object(self, *, obj, **kwargs):
        """Writes the docstring as griffe and Markdown read it.

        Args:
            obj: What has the docstring, as griffe read it.
            **kwargs: What else griffe knows.
        """
        if obj.docstring:
            obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(docstring):
    """Returns a docstring in Keras's form in that of griffe and Markdown.

    Examples become blocks of code, `Call arguments` a list, and a list may
    follow its heading at once.

    Args:
        docstring: String without the indentation of its code.
    """
    docstring = _EXAMPLE.sub(r"```pycon\n\g<0>\n```", docstring)
    docstring = _CALL.sub(_call_arguments, docstring + "\n")
    return _LIST.sub(r"\1\n\n", docstring).rstrip("\n")


def _call_arguments(match):
    lines = [line[4:] for line in match[1].rstrip().split("\n")]
    listed = "\n".join(
        _ARGUMENT.sub(r"- `\1`:", line) if line[:1].strip() else f"    {line}"
        for line in lines
    )
    return f"Call arguments:\n\n{listed}\n\n"


def _public(module):
    return {
        name: value
        for name in dir(module)
        if not name.startswith("_")
        and not isinstance(value := getattr(module, name), types.ModuleType)
    }


def _definition(pkg, namespace, name, value):
    """What defines a public name, as griffe read it."""
    if hasattr(value, "__qualname__"):
        path = f"{value.__module__}.{value.__qualname__}"
        return pkg[path.removeprefix(f"{pkg.path}.")]
    [module] = [
        module
        for module in namespace.modules.values()
        if name in module.members
        and not module.members[name].is_alias
        # Two modules may have one name, for two backends.
        and getattr(importlib.import_module(module.path), name) is value
    ]
    return module.members[name]


class _Strict(logging.Handler):
    """Ends the build at a warning of griffe's, which Zensical lets pass."""

    def emit(self, record):
        raise ValueError(record.getMessage())


logging.getLogger("mkdocs.plugins").addHandler(_Strict(logging.WARNING))

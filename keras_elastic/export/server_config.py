"""The file that tells TensorFlow Serving which models to serve."""

import pathlib
from collections.abc import Mapping

from google.protobuf import text_encoding

from keras_elastic import files
from keras_elastic.export.version_folders import versions

_CONFIG = """\
  config {{
    name: "{name}"
    base_path: "{base_path}"
    model_platform: "tensorflow"
  }}
"""


def serving_config(
    folder_by_name: Mapping[str, str | pathlib.Path], path
) -> pathlib.Path:
    """Writes the model config file of TensorFlow Serving for several models.

    Each model is served under its name, in its latest version. The server
    takes the file as `tensorflow_model_server --model_config_file=PATH`.

    Reference:
        [Model server configuration](https://www.tensorflow.org/tfx/serving/serving_config).

    Args:
        folder_by_name: Dictionary from the names of models to the folders
            that `saved_model` wrote versions into. The file holds their
            absolute paths, as the server wants them.
        path: Path of the file, written whole or not at all. A file that
            exists is replaced.

    Returns:
        The path of the file.

    Raises:
        ValueError: There is no model, a name is empty, or a folder has no
            version to serve.

    Example:

    ```python
    folders = {"digits": "served/digits", "birds": "served/birds"}
    keras_elastic.export.serving_config(folders, "served/models.config")
    ```
    """
    if not isinstance(folder_by_name, Mapping) or not folder_by_name:
        raise ValueError(
            "`folder_by_name` must be a dictionary from names to folders, and "
            f"not empty. Received: folder_by_name={folder_by_name!r}. Pass "
            'such as {"digits": "served/digits"}.'
        )
    configs = [_config(name, folder) for name, folder in folder_by_name.items()]
    with files.replacing(path) as temporary:
        temporary.write_text(
            "model_config_list {\n" + "".join(configs) + "}\n", "utf-8"
        )
    return pathlib.Path(path)


def _config(name, folder):
    if not isinstance(name, str) or not name or "/" in name:
        raise ValueError(
            "The names in `folder_by_name` must be strings that can stand in "
            f"a URL, without '/'. Received: {name!r}. Rename the model."
        )
    if not versions(folder):
        raise ValueError(
            f"The folder of '{name}' must hold a version. Received: "
            f"'{folder}', which has none. Write one by "
            "`keras_elastic.export.saved_model(model, folder)`."
        )
    base_path = str(pathlib.Path(folder).resolve())
    return _CONFIG.format(name=_quoted(name), base_path=_quoted(base_path))


def _quoted(text):
    return text_encoding.CEscape(text.encode(), as_utf8=True)

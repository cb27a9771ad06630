"""Entries and presets among Kaggle's models, through `kagglehub`."""

import contextlib
import pathlib
import re

from keras_elastic.zoo import hub_library

_ADDRESS = re.compile(
    r"kaggle://([\w-]+/[\w.-]+/[A-Za-z]\w*/[\w.-]+)(?:/(\d+))?"
)
_CREDENTIALS = (
    "Make a token at https://www.kaggle.com/settings, and call "
    "`kagglehub.login()` or set KAGGLE_API_TOKEN."
)


class Kaggle:
    """A variation of a model of Kaggle, or a version of it.

    Args:
        address: String, `"kaggle://user/model/framework/variation"`, and
            `"/version"` where it is not the newest.

    Raises:
        ValueError: It is no such address, or the library is not installed.
    """

    variable = "KAGGLEHUB_CACHE"

    def __init__(self, address: str):
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise ValueError(
                "An address on Kaggle must be "
                "'kaggle://user/model/framework/variation', such as "
                "'kaggle://user/flowers/keras/small', or the same with a "
                f"version, as '.../small/1'. Received: {address!r}."
            )
        self.address = address
        self._variation, self._version = match.groups()
        self._library = hub_library.load("kagglehub", address)

    @property
    def cache(self) -> str:
        """The folder that holds what was pulled."""
        return self._library.config.get_cache_folder()

    def find(self) -> None:
        """Does nothing: Kaggle is asked for each file."""

    def fetch(self, name: str) -> pathlib.Path | None:
        """Returns the path of a file, or `None` where there is none.

        Raises:
            ValueError: The model is not open to the user.
            ConnectionError: Kaggle is away, and the cache has no such file.
        """
        parts = [self._variation, *([self._version] if self._version else [])]
        try:
            with self._said():
                path = self._library.model_download("/".join(parts), name)
        except FileNotFoundError:
            return None
        path = pathlib.Path(path)
        if path.parent.name.isdigit():
            # The files that follow are those of the same version.
            self._version = path.parent.name
        return path

    def cached(self) -> list[str]:
        """Addresses whose entry or preset the cache holds, sorted."""
        models = pathlib.Path(self.cache) / "models"
        return sorted(
            "kaggle://" + path.parent.relative_to(models).as_posix()
            for name in hub_library.DESCRIPTIONS
            for path in models.glob(f"*/*/*/*/*/{name}")
        )

    def card(self, text: str, facts: dict) -> str:
        """Returns a card as it is: Kaggle reads nothing of it."""
        return text

    def push(self, folder, message: str, overwrite: bool) -> str:
        """Makes a new version of the files of a folder.

        Args:
            folder: Path of a folder of files.
            message: String. What is noted of the version.
            overwrite: Boolean. Not used: versions stay.

        Returns:
            The address.

        Raises:
            ValueError: The model is not the user's to write to.
            ConnectionError: Kaggle is away.
        """
        if self._version is not None:
            raise ValueError(
                "An upload makes a new version. Received: "
                f"{self.address!r}. Leave '/{self._version}' out."
            )
        try:
            with self._said():
                self._library.model_upload(
                    self._variation, str(folder), version_notes=message
                )
        except FileNotFoundError as error:
            raise ValueError(
                f"{self.address!r} must be of a user who exists, and a "
                "framework that Kaggle knows. Check the address."
            ) from error
        return self.address

    @contextlib.contextmanager
    def _said(self):
        """Within, errors of the library say what to do."""
        errors = self._library.exceptions
        try:
            yield
        except errors.KaggleApiHTTPError as error:
            status = getattr(error.response, "status_code", None)
            if status == 404:
                raise FileNotFoundError(self.address) from error
            if status in (401, 403):
                raise ValueError(
                    f"{self.address!r} is not open to you: it is private, or "
                    f"has terms to accept. {_CREDENTIALS}"
                ) from error
            raise ConnectionError(
                f"Kaggle fails for {self.address!r}: {error}"
            ) from error
        except (errors.UnauthenticatedError, errors.CredentialError) as error:
            raise ValueError(
                f"{self.address!r} needs credentials. {_CREDENTIALS}"
            ) from error
        except errors.BackendError as error:
            raise ValueError(
                f"Kaggle refuses {self.address!r}: {error}"
            ) from error
        except errors.DataCorruptionError as error:
            raise ConnectionError(
                f"A file of {self.address!r} came damaged. Load it again."
            ) from error
        except Exception as error:
            if not hub_library.is_away(error):
                raise
            raise ConnectionError(
                f"Kaggle cannot be reached for {self.address!r} "
                f"({type(error).__name__}: {error})."
            ) from error

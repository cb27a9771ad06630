"""Entries and presets on the Hugging Face Hub, through its own library."""

import contextlib
import pathlib
import re

from keras_elastic.zoo import hub_library
from keras_elastic.zoo import model_card

_ADDRESS = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
# Of a wait for the hub, before the cache is asked instead.
_SECONDS = 5
# What a repository has before anything is put into it.
_BEGUN = {".gitattributes", "README.md"}


class HuggingFace:
    """A repository of models at `hf://user/name`, or at a revision of it.

    Args:
        address: String, `"hf://user/name"` or `"hf://user/name@revision"`: a
            branch, a tag or a commit.

    Raises:
        ValueError: It is no such address, or the library is not installed.
    """

    variable = "HF_HOME"

    def __init__(self, address: str):
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise ValueError(
                "An address on the Hugging Face Hub must be 'hf://user/name', "
                "or 'hf://user/name@revision' for a branch, a tag or a commit. "
                f"Received: {address!r}."
            )
        self.address = address
        self._repo, self._revision = match.groups()
        self._library = hub_library.load("huggingface_hub", address)
        # Names of the files, once the hub has said them.
        self._names: set[str] | None = None
        self._commit: str | None = None

    @property
    def cache(self) -> str:
        """The folder that holds what was pulled."""
        return self._library.constants.HF_HUB_CACHE

    def find(self) -> None:
        """Asks which files the revision has.

        Raises:
            ValueError: No such repository is open to the user.
            ConnectionError: The hub is away. What the cache holds can be
                fetched nevertheless.
        """
        with self._said():
            found = self._library.HfApi().model_info(
                self._repo, revision=self._revision, timeout=_SECONDS
            )
        self._names = {file.rfilename for file in found.siblings}

    def fetch(self, name: str) -> pathlib.Path | None:
        """Returns the path of a file, or `None` where there is none.

        Raises:
            ConnectionError: The hub went away.
        """
        is_away = self._names is None
        if self._names is not None and name not in self._names:
            return None
        errors = self._library.errors
        try:
            with self._said():
                path = self._library.hf_hub_download(
                    self._repo,
                    name,
                    revision=self._commit or self._revision,
                    etag_timeout=_SECONDS,
                    local_files_only=is_away,
                )
        except errors.LocalEntryNotFoundError as error:
            if is_away:
                return None
            raise self._away(error) from error
        path = pathlib.Path(path)
        # The files that follow are those of the same commit.
        self._commit = path.parent.name
        return path

    def cached(self) -> list[str]:
        """Addresses whose entry or preset the cache holds, sorted."""
        found = set()
        for name in hub_library.DESCRIPTIONS:
            pattern = f"models--*--*/snapshots/*/{name}"
            for path in pathlib.Path(self.cache).glob(pattern):
                user, name = path.parts[-4].split("--", 2)[1:]
                found.add(f"hf://{user}/{name}")
        return sorted(found)

    def card(self, text: str, facts: dict) -> str:
        """Returns a card that begins with what the hub reads.

        Args:
            text: String. Markdown, with front matter of its own or without.
            facts: Dictionary: `name`, and of an entry `dataset`, `datasets`,
                `license` and `results`. Front matter of `text` goes before.

        Raises:
            ValueError: The front matter is not YAML.
        """
        matter, body = model_card.split(text)
        ours = {
            "library_name": "keras",
            "pipeline_tag": "image-classification",
            "tags": ["keras_elastic", "image-classification"],
            "datasets": facts.get("datasets"),
            "license": facts.get("license"),
        }
        if results := facts.get("results"):
            ours["metrics"] = ["accuracy"]
            ours["model_name"] = facts["name"]
            ours["eval_results"] = [
                self._library.EvalResult(
                    task_type="image-classification",
                    dataset_type=facts["dataset"],
                    dataset_name=facts["dataset"],
                    dataset_split="test",
                    metric_type="accuracy",
                    metric_name=name,
                    metric_value=value,
                )
                for name, value in results
            ]
        data = {**ours, **_read_yaml(matter)}
        try:
            matter = self._library.ModelCardData(**data).to_yaml()
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The front matter of `card` must be that of a model card. "
                f"Received: {matter!r} ({error})."
            ) from error
        return model_card.with_front_matter(matter, body)

    def push(self, folder, message: str, overwrite: bool) -> str:
        """Puts the files of a folder into the repository, in one commit.

        Args:
            folder: Path of a folder of files.
            message: String. What the commit says.
            overwrite: Boolean. Whether an entry or a preset may be replaced.

        Returns:
            The address of the commit.

        Raises:
            ValueError: The repository is not the user's to write to, or holds
                something.
            ConnectionError: The hub is away. The repository has no part of
                the files.
        """
        if self._revision is not None:
            raise ValueError(
                "An upload makes a new revision of the main branch. Received: "
                f"{self.address!r}. Leave '@{self._revision}' out."
            )
        if self._library.get_token() is None:
            raise ValueError(
                f"An upload to {self.address!r} needs a token, and there is "
                "none. Run `hf auth login`, or set HF_TOKEN: "
                "https://huggingface.co/settings/tokens."
            )
        api = self._library.HfApi()
        with self._said(writes=True):
            self._check_free(api, overwrite)
            api.create_repo(self._repo, exist_ok=True)
            # Not `upload_folder`, which may make several commits.
            done = api.create_commit(
                self._repo,
                [
                    self._library.CommitOperationAdd(path.name, str(path))
                    for path in sorted(folder.iterdir())
                ],
                commit_message=message,
            )
        return f"hf://{self._repo}@{done.oid}"

    def _check_free(self, api, overwrite):
        try:
            found = api.model_info(self._repo, timeout=_SECONDS)
        except self._library.errors.RepositoryNotFoundError:
            return
        names = {file.rfilename for file in found.siblings} - _BEGUN
        holds = bool(names & {*hub_library.DESCRIPTIONS})
        if not names or (holds and overwrite):
            return
        fix = "Pass `overwrite=True` to replace it; its history keeps it."
        if not holds:
            fix = "It holds neither an entry nor a preset. Pass another name."
        raise ValueError(
            f"The repository must be new or empty. Received: {self.address!r}, "
            f"with {', '.join(sorted(names)[:5])}. {fix}"
        )

    @contextlib.contextmanager
    def _said(self, writes=False):
        """Within, errors of the library say what to do."""
        errors = self._library.errors
        try:
            yield
        except errors.LocalEntryNotFoundError:
            raise
        except errors.RevisionNotFoundError as error:
            raise ValueError(
                f"The repository of {self.address!r} has no revision "
                f"{self._revision!r}. Pass a branch, a tag or a commit of it."
            ) from error
        except errors.GatedRepoError as error:
            raise ValueError(
                f"{self.address!r} is open to those who accept its terms. "
                f"Accept them at https://huggingface.co/{self._repo}, and run "
                "`hf auth login`."
            ) from error
        except errors.HfHubHTTPError as error:
            raise self._refused(error, writes) from error
        except RuntimeError as error:
            # Of a file that was being put there.
            raise self._refused(error.__cause__ or error, writes) from error
        except Exception as error:
            if not hub_library.is_away(error):
                raise
            raise self._away(error) from error

    def _refused(self, error, writes):
        response = getattr(error, "response", None)
        status = getattr(response, "status_code", None)
        is_unknown = isinstance(
            error, self._library.errors.RepositoryNotFoundError
        )
        if is_unknown or status == 401:
            return ValueError(
                f"No repository {self.address!r} is open to you: there is "
                "none, or it is private and no token that may read it was "
                "found. Check the name, or run `hf auth login` (or set "
                "HF_TOKEN)."
            )
        if writes and status == 403:
            return ValueError(
                f"Your token may not write to {self.address!r}. Make one that "
                "may at https://huggingface.co/settings/tokens, or pass a "
                "name of your own."
            )
        if status is not None and status < 500:
            return ValueError(f"The hub refuses {self.address!r}: {error}")
        return self._away(error)

    def _away(self, error):
        return ConnectionError(
            f"The Hugging Face Hub cannot be reached for {self.address!r} "
            f"({type(error).__name__}: {error})."
        )


def _read_yaml(matter):
    # A dependency of the hub's library.
    import yaml

    try:
        table = yaml.safe_load(matter) or {}
    except yaml.YAMLError as error:
        raise ValueError(
            f"The front matter of `card` must be YAML. Received: {matter!r} "
            f"({error})."
        ) from error
    if not (isinstance(table, dict) and all(isinstance(k, str) for k in table)):
        raise ValueError(
            "The front matter of `card` must have lines such as 'license: "
            f"mit'. Received: {matter!r}."
        )
    return table

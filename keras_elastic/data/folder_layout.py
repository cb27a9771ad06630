"""Where the images of a folder lie: its parts, its classes and their files."""

import collections
import os
import pathlib
import re
import warnings
from collections.abc import Iterator

# What the decoders of TensorFlow read, and the usual names of such files.
SUFFIXES = (
    *(".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg"),
    *(".pjp", ".pjpeg", ".png", ".webp"),
)
_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")
# Images too, of kinds that are not read.
_OTHER_SUFFIXES = frozenset(
    ".3fr .apng .arw .avif .cr2 .cr3 .dcm .dng .emf .eps .exr .hdr .heic .heif "
    ".hif .icns .ico .j2c .j2k .jp2 .jpf .jpm .jps .jpx .jxl .mpo .nef .orf "
    ".pbm .pcx .pef .pfm .pgm .pic .pict .pnm .ppm .psd .ras .raw .rw2 .sgi "
    ".svg .tga .tif .tiff .wbmp .wmf .xbm .xcf .xpm".split()
)
# What systems and archives leave behind.
_NO_FOLDERS = frozenset(
    ("__MACOSX", "__pycache__", "@eaDir", "lost+found", "$RECYCLE.BIN")
)
_AROUND = "(?:seg|the|my|data|dataset|set|image|img|photo|pic|picture|split)s?"
_ROLES = {
    "train": "train|training|trn",
    "held_out": "val|valid|validation|validate|dev|development",
    "test": "test|testing|tst|eval|evaluation",
}

Files = dict[str, list[pathlib.Path]]


def find_parts(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """Finds the folders of the splits, by the names that people give them.

    Case and what stands around the word do not matter: "Training",
    "training_set", "seg_train" and "train images" are all for training. A
    folder that holds nothing but one of the same kind, as archives unpack, is
    passed through.

    Args:
        folder: Path of the image folder.

    Returns:
        Dictionary from "train", "held_out" and "test" to folders that hold
        class folders; "train" is always there. Where no folder is for
        training, it is `folder` itself. Where one is for validation but none
        is for testing, the one for validation is "test".

    Raises:
        ValueError: If two folders are for the same, one is for testing but
            none for training, or they hold no class folders.
    """
    named = collections.defaultdict(list)
    for child in class_folders(folder):
        named[_role(child.name)].append(child)
    parts = {}
    for role in _ROLES:
        found = [_unpacked(path, role) for path in named[role]]
        found = [path for path in found if class_folders(path)]
        if len(found) > 1:
            raise ValueError(_ambiguous_message(folder, role, found))
        if found:
            parts[role] = found[0]
    if "train" not in parts:
        _check_flat(folder, named, parts)
        return {"train": folder}
    if "test" not in parts and "held_out" in parts:
        parts["test"] = parts.pop("held_out")
    _warn_beside(folder, named[None])
    return parts


def _role(name: str) -> str | None:
    letters = re.sub("[^a-z]", "", name.lower())
    for role, words in _ROLES.items():
        if re.fullmatch(f"(?:{_AROUND})*(?:{words})(?:{_AROUND})*", letters):
            return role
    return None


def _unpacked(folder: pathlib.Path, role: str) -> pathlib.Path:
    inside = class_folders(folder)
    if len(inside) == 1 and _role(inside[0].name) == role:
        return inside[0]
    return folder


def _ambiguous_message(folder, role, found):
    names = [path.relative_to(folder).as_posix() for path in found]
    return (
        f"An image folder must have one folder for its {role!r} split. "
        f"Received: {str(folder)!r} with {names}. Remove all but one, or move "
        "them out."
    )


def _check_flat(folder, named, parts):
    """Refuses parts that would be taken for classes."""
    roles = [child.name for role in _ROLES for child in named[role]]
    if parts or (len(roles) > 1 and not named[None]):
        raise ValueError(
            "An image folder that is divided must have a folder 'train' that "
            "holds a folder for each class. "
            f"Received: {str(folder)!r} with {roles}, which is not so. Put the "
            "images of each class into a folder of its own, in 'train' and in "
            "'test'."
        )


def _warn_beside(folder, others):
    left = [path.name for path in others if next(_walk(path), None)]
    if left:
        warnings.warn(
            f"Beside its folders for training and testing, {str(folder)!r} has "
            f"{sorted(left)[:5]}, which are left out.",
            stacklevel=2,
        )


def class_folders(folder: pathlib.Path) -> list[pathlib.Path]:
    """The folders in a folder, sorted, without hidden ones."""
    return sorted(
        child
        for child in folder.iterdir()
        if _is_shown(child.name) and child.is_dir()
    )


def _is_shown(name: str) -> bool:
    return not name.startswith(".") and name not in _NO_FOLDERS


def files_of_classes(folder: pathlib.Path) -> tuple[Files, collections.Counter]:
    """Lists the images of each class.

    Args:
        folder: Path of the folder that holds the class folders.

    Returns:
        Dictionary from the names of the classes to the paths of their images,
        and how many images of each suffix there are that cannot be read.

    Raises:
        ValueError: If there are fewer than two class folders, or one has no
            images.
    """
    found = class_folders(folder)
    if len(found) < 2:
        beside = sum(_is_image(path) for path in folder.iterdir())
        raise ValueError(
            "An image folder must hold at least 2 class folders, whose names "
            "are the labels. "
            f"Received: {str(folder)!r} with the class folders "
            f"{[child.name for child in found]} and "
            f"{beside} images outside of them. "
            "Put the images of each class into a folder of its own."
        )
    files = {}
    unread: collections.Counter[str] = collections.Counter()
    for child in found:
        paths = list(_walk(child))
        files[child.name] = [path for path in paths if _is_image(path)]
        other = collections.Counter(path.suffix.lower() for path in paths)
        other = collections.Counter(
            {s: n for s, n in other.items() if s in _OTHER_SUFFIXES}
        )
        unread += other
        if not files[child.name]:
            raise ValueError(_empty_message(child, other))
    return files, unread


def _empty_message(folder, other):
    also = f", but {listed(other)} that are not read" if other else ""
    return (
        f"Every class folder must hold images ({', '.join(SUFFIXES)}). "
        f"Received: {str(folder)!r}, which holds none{also}. "
        "Add images to it, or remove it."
    )


def listed(suffixes: collections.Counter) -> str:
    """Says how many files there are of each suffix: "20 .tif, 3 .heic"."""
    return ", ".join(f"{n} {suffix}" for suffix, n in suffixes.most_common())


def warn_unread(folder: pathlib.Path, suffixes: collections.Counter) -> None:
    """Warns of images that are left out for their kind."""
    if suffixes:
        warnings.warn(
            f"{sum(suffixes.values())} image files of {str(folder)!r} are of "
            f"kinds that are not read, and left out: {listed(suffixes)}. "
            "Convert them to JPEG or PNG.",
            stacklevel=2,
        )


def _walk(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields the files below a folder, through links too, but never twice."""
    # Nor what lies above it: a link there would bring in other classes.
    start = pathlib.Path(os.path.realpath(folder))
    seen = {str(above) for above in start.parents}
    for parent, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = filter(_is_shown, folders)
        for name in filter(_is_shown, names):
            yield pathlib.Path(parent, name)


def _is_image(path: pathlib.Path) -> bool:
    suffix = path.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        return False
    if path.name.startswith(".") or not path.is_file():
        return False
    return bool(suffix) or _starts_as_image(path)


def _starts_as_image(path: pathlib.Path) -> bool:
    # Files from the web often come without a suffix.
    try:
        with open(path, "rb") as file:
            start = file.read(12)
    except OSError:
        return False
    is_webp = start[:4] == b"RIFF" and start[8:] == b"WEBP"
    return start.startswith(_STARTS) or is_webp

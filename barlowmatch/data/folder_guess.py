"""Guessing whether folders side by side are classes: by where pictures lie, and by what the folders are called.

A name alone says little: pos and neg, day and night, patient and control are classes. What gives folders of unsorted
pictures away is that they are counted: several have one stem with differing numbers (day1, day2; plate_03, plate_04),
or each is a date or a camera's folder.
"""

import re
from collections.abc import Iterable, Sequence

from barlowmatch.data.natural import natural_key

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = re.compile(
    r"(?:19|20)\d\d"  # 2023
    r"|(?:19|20)\d\d[-_. ]?(?:0[1-9]|1[0-2])(?:[-_. ]?(?:0[1-9]|[12]\d|3[01]))?(?:\D.*)?"  # 2023-05, 20230501 zoo
    r"|(?:19|20)\d\d[-_. ]+\D.*"  # 2019 Italy
    r"|\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"  # 230501
    r"|\d{1,2}[-_. ]\d{1,2}[-_. ](?:19|20)?\d\d"  # 01.05.2023
    rf"|(?:\d{{1,4}}[-_. ]*)?{_MONTH}[-_. ]*\d{{1,4}}|\d{{1,4}}[-_. ]*{_MONTH}",  # May 2023, 12 May
)
_CAMERA = re.compile(r"dcim|\d{3}[a-z_]{4,5}|\d{3}_\d{4}")
"""Folders that cameras make: 100CANON, 101_PANA, 100_0512."""
_UNSORTED = re.compile(
    r"(?:images?|imgs?|photos?|pictures?|pics?|frames?|data|misc|new|untitled|unsorted|new folder|untitled folder)"
    r"[-_. ]*\(?\d*\)?"
)
"""Names that say nothing about what is in a folder: they count neither for classes nor against them."""
_CALENDAR = re.compile(rf"(?:{_MONTH}|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?)")
_LETTERED = re.compile(
    r"(?i:(plate|batch|scan|session|slide|well|experiment|exp|run|roll|album|camera|cam|part|chunk|shard|site|location"
    r"|field|position|pos|tray|box|rack|lab|microscope|scanner|subject|patient|animal|visit|trip|folder))"
    r"(?:[-_. ]+[A-Za-z]\d*|[A-Z]\d*|[a-z]\d+)"
)
"""What is counted by letters too: plate A, cam_L, well_B03. A grade A or a hepatitis B is a class."""
_CLASS_WORDS = frozenset({
    "class", "cls", "label", "category", "type", "kind", "grade", "stage", "level", "degree", "score", "rating",
    "species", "style", "character", "char", "digit", "letter", "sign", "symbol", "number", "cluster", "phase",
})  # fmt: skip
"""Words that a number makes the name of a class: class_0, grade 2, type-1."""
_SYNSET = re.compile(r"n\d{6,8}")
"""Classes of ImageNet and of what is numbered like it."""
_CODE = re.compile(r"([a-z]{1,2})([1-9]\d*|0)")
"""A code of letters and a number that is not padded: classes (G1, CD4, c0), unless it counts wells (A1, A2, B1, B2)."""
_NUMBER_FIRST = re.compile(r"(?:[1-9]\d*|0)[^\d]*[^\W\d_][^\d]*")
"""A number and what it counts: 5 euro, 10_euro, 100x."""
_DIGITS = re.compile(r"\d+")
_WORD = re.compile(r"[^\W\d_]+")
_ENDING = re.compile(r"[\s\-_.,()\[\]#]+$")


def why_no_classes(pictures: Sequence[str]) -> str | None:
    """Return why the folders that hold these pictures are no classes, or None where they look like classes.

    Classes are folders side by side, each with pictures directly in it, more than one picture on average, and with
    names other than people give to folders of unsorted pictures.
    """
    depths = {file.count("/") for file in pictures}
    folders = {file.partition("/")[0] for file in pictures if "/" in file}
    if 0 in depths:
        return "images lie beside folders"
    if len(folders) < 2:
        return "there is one folder"
    if depths != {1}:
        return "images lie in folders within folders"
    if 2 * len(folders) > len(pictures):
        return "most folders hold a single image"
    counted = counted_folders(folders)
    return f"folders such as {counted[0]} look like dates, batches or cameras" if counted else None


def counted_folders(folders: Iterable[str]) -> list[str]:
    """Return the folders that dates, cameras or a count gave their names, where they are at least half; else nothing.

    Folders whose names say nothing are left out of that count; where there are no others, they are what is returned.
    """
    names = sorted(folders, key=natural_key)
    telling = [name for name in names if not _UNSORTED.fullmatch(name.casefold())]
    if not telling:
        return names
    stems = {name: _stem(name) for name in telling}
    numbered: dict[str, int] = {}
    for stem in stems.values():
        numbered[stem] = numbered.get(stem, 0) + 1
    wells = sum(count > 1 for stem, count in numbered.items() if re.fullmatch("code [a-z]", stem)) > 1
    counted = [name for name, stem in stems.items() if _is_counted(stem, numbered[stem], wells)]
    return counted if 2 * len(counted) >= len(telling) else []


def _is_counted(stem: str, folders: int, wells: bool) -> bool:
    """Say whether so many folders of one stem are counted ones; a date says so alone."""
    if stem.startswith("code "):
        return wells
    return stem == "date" or (stem != "" and folders > 1)


def _stem(folder: str) -> str:
    """Return what folders share that are counted alike, "" for the name of a class."""
    name = folder.casefold()
    if _DATE.fullmatch(name) or _CAMERA.fullmatch(name):
        return "date"
    if _CALENDAR.fullmatch(name):
        return "calendar"
    if lettered := _LETTERED.fullmatch(folder):
        return lettered[1].casefold()
    if code := _CODE.fullmatch(name):
        return f"code {code[1]}"
    words = _WORD.findall(name)
    of_class = _SYNSET.fullmatch(name) or _NUMBER_FIRST.fullmatch(name) or (words and words[-1] in _CLASS_WORDS)
    if of_class or not words or not _DIGITS.search(name):
        return ""
    return _ENDING.sub("", _DIGITS.sub("#", name))

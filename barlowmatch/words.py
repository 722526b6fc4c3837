"""Numbers in sentences."""


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: "1 image", "12 images", "1,200 images".

    Args:
        number: how many.
        noun: for one.
        plural: for none and for several, where it is not the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"

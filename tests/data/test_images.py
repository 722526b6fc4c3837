"""One hostile picture at a time."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from barlowmatch.data.images import LARGEST_PIXELS, Unreadable, read_header, read_image
from barlowmatch.data.squares import PADDING, to_square
from tests.pictures import BROKEN, ORIENTATION, WHOLE, bomb_png, photo


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", WHOLE)
def test_every_kind_becomes_8_bit_rgb_of_the_size_its_header_says(kind: str, tmp_path: Path) -> None:
    suffix, make = WHOLE[kind]
    path = tmp_path / f"x{suffix}"
    make(path, np.random.default_rng(3))
    limits = (100, 3925)  # of the camera that took the deep ones
    image, header = read_image(path, sixteen_bit_range=limits), read_header(path)
    assert image.mode == "RGB"
    assert image.size == (header.width, header.height)
    assert np.asarray(image).std() > 5
    assert np.array_equal(np.asarray(image), np.asarray(read_image(path.read_bytes(), sixteen_bit_range=limits)))


@pytest.mark.parametrize("kind", BROKEN)
def test_every_fault_has_a_reason_of_one_line(kind: str, tmp_path: Path) -> None:
    suffix, make = BROKEN[kind]
    path = tmp_path / f"x{suffix}"
    make(path, np.random.default_rng(3))
    with pytest.raises(Unreadable) as found:
        read_image(path)
    assert str(found.value)
    assert "\n" not in str(found.value)


def test_a_header_that_claims_too_much_is_refused_before_decoding() -> None:
    width = LARGEST_PIXELS // 1000 + 1
    with pytest.raises(Unreadable, match="million pixels"):
        read_header(bomb_png(width, 1000))
    with pytest.raises(Unreadable, match="million pixels"):
        read_image(bomb_png(1_000_000, 1_000_000))


def test_other_formats_of_pillow_stay_off() -> None:
    for kind in ("PPM", "TGA", "ICO", "EPS"):
        with pytest.raises(Unreadable, match="no picture"):
            read_image(encoded(photo(np.random.default_rng(0)), kind))


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_tiffs_are_as_their_header_says_and_as_pillow_reads_their_content(
    orientation: int, compression: str | None, tmp_path: Path
) -> None:
    grey = Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30))
    grey.save(tmp_path / "a.tif", tiffinfo={ORIENTATION: orientation}, compression=compression)
    content = (tmp_path / "a.tif").read_bytes()
    with Image.open(BytesIO(content)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    for source in (tmp_path / "a.tif", content):
        assert np.array_equal(np.asarray(read_image(source)), expected)
        header = read_header(source)
        assert (header.height, header.width) == expected.shape[:2]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_orientation_is_applied_as_pillow_itself_applies_it(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    content = encoded(photo(np.random.default_rng(1)), kind, exif=exif)
    expected = ImageOps.exif_transpose(Image.open(BytesIO(content)))
    assert np.array_equal(np.asarray(read_image(content)), np.asarray(expected.convert("RGB")))


def test_a_damaged_exif_block_does_not_matter() -> None:
    image = photo(np.random.default_rng(1))
    content = encoded(image, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\x01" * 30)
    assert read_image(content).size == image.size


def test_see_through_pixels_are_white() -> None:
    rgba = np.zeros((10, 10, 4), np.uint8)
    rgba[:5] = (200, 0, 0, 255)
    pixels = np.asarray(read_image(encoded(Image.fromarray(rgba), "PNG")))
    assert (pixels[:5] == (200, 0, 0)).all()
    assert (pixels[5:] == 255).all()


def test_a_transparent_colour_of_a_grey_picture_is_white() -> None:
    grey = Image.fromarray(np.repeat(np.uint8([[10], [20]]), 4, axis=1))
    pixels = np.asarray(read_image(encoded(grey, "PNG", transparency=10)))
    assert (pixels[0] == 255).all()
    assert (pixels[1] == 20).all()


@pytest.mark.parametrize(
    ("dtype", "kind"), [(np.uint16, "PNG"), (np.uint16, "TIFF"), (np.int32, "TIFF"), (np.float32, "TIFF")]
)
def test_deep_grey_is_scaled_by_the_range_given_and_never_by_its_own(dtype: type, kind: str) -> None:
    dim, bright = (encoded(Image.fromarray(np.full((4, 4), value, dtype)), kind) for value in (1100, 2100))
    dim_value, bright_value = (
        np.asarray(read_image(content, sixteen_bit_range=(100, 4100)))[0, 0, 0] for content in (dim, bright)
    )
    assert (dim_value, bright_value) == (round(1000 / 4000 * 255), round(2000 / 4000 * 255))


def test_16_bits_keep_their_order_and_are_never_all_white() -> None:
    ramp = np.arange(0, 65536, 257, dtype=np.uint16)[None]
    pixels = np.asarray(read_image(encoded(Image.fromarray(ramp), "PNG")))[0, :, 0]
    assert np.array_equal(pixels, np.arange(256))


def test_no_number_in_a_float_picture_is_the_low_end() -> None:
    values = np.full((4, 4), 0.5, np.float32)
    values[0, 0], values[0, 1] = np.nan, np.inf
    pixels = np.asarray(read_image(encoded(Image.fromarray(values), "TIFF")))[..., 0]
    assert (pixels[0, 0], pixels[0, 1], pixels[1, 1]) == (0, 255, 128)


def test_a_large_jpeg_decoded_small_looks_as_if_decoded_whole() -> None:
    image = photo(np.random.default_rng(5)).resize((1600, 1200), Image.Resampling.BICUBIC)
    content = encoded(image, "JPEG", quality=95)
    quick = read_image(content, at_least=64)
    assert quick.size == (400, 300) or min(quick.size) >= 128
    difference = to_square(quick, 64, "squash").astype(int) - to_square(read_image(content), 64, "squash")
    assert np.abs(difference).mean() < 1.5


def test_pad_keeps_all_between_grey_bars_crop_the_middle_squash_bends() -> None:
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, :20], pixels[:, 20:40], pixels[:, 40:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    image = Image.fromarray(pixels)
    padded = to_square(image, 30, "pad")
    assert (padded[:, :10].transpose(1, 2, 0) == PADDING).all()
    assert (padded[:, 20:].transpose(1, 2, 0) == PADDING).all()
    assert padded[:, 15, 4].tolist() == [255, 0, 0]
    assert padded[:, 15, 25].tolist() == [0, 0, 255]
    cropped = to_square(image, 10, "crop")
    assert (cropped[1, 2:-2, 2:-2] > 240).all()
    squashed = to_square(image, 30, "squash")
    assert squashed[:, 3, 3].tolist() == [255, 0, 0]
    assert {padded.shape, squashed.shape} == {(3, 30, 30)}
    assert cropped.shape == (3, 10, 10)

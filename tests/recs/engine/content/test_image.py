"""Pictures by EfficientNet-Lite0."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from recs.engine.content.image import DEVIATION, MEAN, SIDE, ImageEncoder, PictureError, _pixels

ORIENTATION = 0x0112
"""The tag of a picture's turn, 6 for a quarter."""
ART = Path(__file__).parents[4] / "catalog" / "online_retail" / "data" / "product_art"


@pytest.fixture(scope="module")
def encoder() -> ImageEncoder:
    return ImageEncoder()


def test_what_is_transparent_becomes_white(tmp_path):
    path = tmp_path / "clear.webp"
    Image.new("RGBA", (30, 30), (0, 0, 0, 0)).save(path, lossless=True)

    pixels = _pixels(path)

    assert pixels.shape == (3, SIDE, SIDE)
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels[:, 0, 0], (1 - MEAN) / DEVIATION, rtol=1e-5)


def test_grey_and_palette_pictures_are_read(tmp_path):
    for mode in ("L", "P", "1", "CMYK"):
        path = tmp_path / f"{mode}.{'jpg' if mode == 'CMYK' else 'gif'}"
        Image.new(mode, (20, 10)).save(path)
        assert _pixels(path).shape == (3, SIDE, SIDE)


def test_a_picture_that_a_phone_wrote_lying_is_read_upright(tmp_path):
    upright = Image.new("RGB", (40, 20), "white")
    upright.paste("red", (0, 0, 20, 20))
    lying, plain = tmp_path / "lying.png", tmp_path / "plain.png"
    turn = Image.Exif()
    turn[ORIENTATION] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(lying, exif=turn)
    upright.save(plain)

    np.testing.assert_array_equal(_pixels(lying), _pixels(plain))


@pytest.mark.parametrize("ending", ["png", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_turn_is_undone_as_pil_does_it(tmp_path, orientation, ending):
    pixels = np.random.default_rng(1).integers(0, 255, (30, 20, 3), dtype=np.uint8)
    turn = Image.Exif()
    turn[ORIENTATION] = orientation
    Image.fromarray(pixels).save(tmp_path / f"turned.{ending}", exif=turn)
    with Image.open(tmp_path / f"turned.{ending}") as picture:
        ImageOps.exif_transpose(picture).save(tmp_path / "upright.png")

    np.testing.assert_array_equal(_pixels(tmp_path / f"turned.{ending}"), _pixels(tmp_path / "upright.png"))


def test_a_turned_picture_with_an_odd_entry_beside_the_turn_is_read(tmp_path):
    turn = Image.Exif()
    turn[ORIENTATION] = 6
    exif = bytearray(turn.tobytes())
    # One entry more: a resolution (0x011A) told in letters, where a fraction belongs.
    head, entry, end = exif[:14], exif[16:28], exif[28:]
    order = "little" if b"II*" in head else "big"
    odd = b"".join([(0x011A).to_bytes(2, order), (2).to_bytes(2, order), (3).to_bytes(4, order), b"72\0\0"])
    told = bytes(head) + (2).to_bytes(2, order) + bytes(entry) + odd + bytes(end)
    Image.new("RGB", (20, 30), "red").save(tmp_path / "odd.jpg", exif=told)
    with Image.open(tmp_path / "odd.jpg") as picture:
        assert dict(picture.getexif()) == {ORIENTATION: 6, 0x011A: "72"}

    assert _pixels(tmp_path / "odd.jpg").shape == (3, 224, 224)


def test_sixteen_bits_of_grey_are_as_dark_as_eight(tmp_path):
    grey = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    Image.fromarray(grey).save(tmp_path / "8.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "16.png")

    np.testing.assert_array_equal(_pixels(tmp_path / "16.png"), _pixels(tmp_path / "8.png"))


def test_vectors_are_unit_length_and_the_same_each_time(encoder):
    paths = [ART / "1f375.webp", ART / "1f408.webp"]

    found = encoder.encode(paths)

    assert found.shape == (2, 1280)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(encoder.encode(paths[1:])[0], found[1], atol=1e-4)


def test_a_cat_is_more_like_a_dog_than_like_a_teacup(encoder):
    tea, cat, dog = encoder.encode([ART / "1f375.webp", ART / "1f408.webp", ART / "1f415.webp"])

    assert cat @ dog > cat @ tea


def test_no_pictures_are_no_vectors(encoder):
    assert encoder.encode([]).shape == (0, 1280)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_picture_is_named(encoder, tmp_path, content):
    path = tmp_path / "broken.png"
    path.write_bytes(content)

    with pytest.raises(PictureError, match=r"broken\.png is no picture that can be read"):
        encoder.encode([path])


def test_a_picture_cut_off_is_named(encoder, tmp_path):
    path = tmp_path / "cut.webp"
    path.write_bytes((ART / "1f375.webp").read_bytes()[:600])

    with pytest.raises(PictureError, match=r"cut\.webp"):
        encoder.encode([path])


def test_another_model_is_refused():
    with pytest.raises(ValueError, match="unknown picture model 'vgg'"):
        ImageEncoder("vgg")

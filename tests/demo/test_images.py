import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from multimed_hf.demo.images import read_image
from multimed_hf.demo.limits import Refused


def test_an_image_comes_without_its_metadata(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a name"  # to be turned by 90 degrees
    Image.fromarray(pixels).save(tmp_path / "x.png", exif=exif)
    image = read_image(tmp_path / "x.png")
    np.testing.assert_array_equal(np.asarray(image), np.rot90(pixels, -1))
    assert not image.info and not image.getexif()


def test_greys_of_sixteen_bit_stay(tmp_path):
    pixels = np.arange(60, dtype=np.uint16).reshape(6, 10) * 1000
    Image.fromarray(pixels).save(tmp_path / "x.png")
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "x.png")), pixels)


def _png(width, height):
    """A PNG whose header claims a size, and whose pixels are all there as one small packed run."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("size", "words"),
    [((8000, 8000), "8,000 x 8,000 pixels; this page"), ((60_000, 60_000), "no whole"), ((2**31 - 1, 2), "no whole")],
)
def test_many_pixels_are_refused_before_they_are_decoded(tmp_path, size, words):
    (tmp_path / "x.png").write_bytes(_png(*size))
    with pytest.raises(Refused, match=words):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize("content", [b"<svg/>", b"GIF89a" + bytes(50), b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_image_is_refused(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(Refused, match=r"^The file is no whole PNG or JPEG image\.$"):
        read_image(tmp_path / "x.png")


def test_half_an_image_is_refused(png):
    png.write_bytes(png.read_bytes()[:-200])
    with pytest.raises(Refused, match="no whole"):
        read_image(png)

"""An uploaded image: pixels only, whatever else the file says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .limits import MOST_PIXELS, Refused

if TYPE_CHECKING:
    from PIL.Image import Image


def read_image(path: Path) -> Image:
    """The image in a PNG or JPEG file, turned as its camera says, without its metadata.

    Raises:
        Refused: it is none, is damaged, or has more than `MOST_PIXELS` pixels.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=("PNG", "JPEG")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise Refused(
                    f"The image has {image.width:,} x {image.height:,} pixels; this page takes up to {MOST_PIXELS:,}."
                )
            upright = ImageOps.exif_transpose(image)
            # Greys of 16 bit stay what they are: the model's processor knows what to do with them.
            deep = upright.mode.startswith(("I", "F"))
            pixels = upright.copy() if deep or upright.mode == "L" else upright.convert("RGB")
    except Refused:
        raise
    # What Pillow raises depends on the byte at which a file is wrong.
    except (OSError, SyntaxError, ValueError, ArithmeticError, LookupError, Image.DecompressionBombError):
        raise Refused("The file is no whole PNG or JPEG image.") from None
    pixels.info.clear()
    return pixels

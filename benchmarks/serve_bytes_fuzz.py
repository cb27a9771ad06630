"""Sends mutated image files to `serve_bytes`, and compares what it sees.

    python benchmarks/serve_bytes_fuzz.py --files=10000

Files of six formats (JPEG, PNG, GIF, BMP, WebP and TIFF, which is refused) are
changed: bytes are flipped, replaced, cut out and put in. Each is decoded as a
served model decodes it. An answer counts as wrong where Pillow reads the same
file and its pixels are others; where Pillow refuses a file that is answered,
it is counted apart: decoders differ in what they forgive. Prints both, and how
far the memory of the process rose above that at the start.
"""

import argparse
import collections
import io
import os
import time
import warnings
import zlib

import numpy as np
import psutil
import tensorflow as tf
from PIL import Image

from keras_elastic.data import encoded_images
from keras_elastic.data.image_decoding import decode_images
from keras_elastic.export import image_limits

# In levels of 255, on average: decoders may round differently.
_TOLERANCE = 1.0
_SIZE = (40, 56)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None
    rng = np.random.default_rng(arguments.seed)
    originals = make_files(rng)
    serve = make_serve()
    for _, file in originals:
        see(serve, file)
    process = psutil.Process(os.getpid())
    start = most = process.memory_info().rss
    begin, counts, wrong = time.monotonic(), collections.Counter(), []
    for number in range(arguments.files):
        kind, original = originals[number % len(originals)]
        file = mutated(rng, original)
        found = see(serve, file)
        most = max(most, process.memory_info().rss)
        outcome = judge(file, found)
        counts[kind, outcome] += 1
        if outcome == "wrong":
            wrong.append((number, kind, file))
        if time.monotonic() - begin > arguments.seconds:
            break
    report(counts, wrong, (most - start) / 2**20)


def make_files(rng):
    """Pairs of a format and the contents of a file, of each kind several."""
    small = Image.fromarray(rng.integers(0, 256, (5, 7, 3)).astype("uint8"))
    image = small.resize(_SIZE[::-1], Image.Resampling.BICUBIC)
    with_alpha = image.copy()
    with_alpha.putalpha(image.convert("L"))
    palette = image.quantize(16)
    exif = Image.Exif()
    exif[0x0112] = 6
    several = {"save_all": True, "append_images": [palette.rotate(180)]}
    made = [
        ("jpeg", image, {}),
        ("jpeg", image, {"exif": exif, "progressive": True}),
        ("jpeg", image.convert("CMYK"), {}),
        ("png", image, {}),
        ("png", with_alpha, {"exif": exif}),
        ("png", palette, {"transparency": 3}),
        ("gif", palette, {}),
        ("gif", palette, several),
        ("bmp", image, {}),
        ("bmp", palette, {}),
        ("bmp", image.convert("1"), {}),
        ("webp", image, {}),
        ("webp", with_alpha, {"lossless": True, "exif": exif}),
        ("webp", image, {"save_all": True, "append_images": [image]}),
        ("tiff", image, {}),
    ]
    return [(kind, encode(image, kind, o)) for kind, image, o in made]


def encode(image, kind, options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def make_serve():
    """Returns what `serve_bytes` does with a file before the model."""

    @tf.function(input_signature=[tf.TensorSpec((), "string")], autograph=False)
    def serve(encoded):
        return encoded_images.decode(image_limits.refuse_large(encoded))

    return serve


def see(serve, file):
    """The pixels that a served model sees, or `None` where it refuses."""
    try:
        pixels = serve(tf.constant(file)).numpy()
    except tf.errors.OpError:
        return None
    return pixels if pixels.size else None


def mutated(rng, file):
    """Changes a file in one to four places."""
    octets = bytearray(file)
    for _ in range(rng.integers(1, 5)):
        # Half of the places in what may be a header.
        span = min(len(octets), 64) if rng.random() < 0.5 else len(octets)
        place = int(rng.integers(max(1, span)))
        match rng.integers(5):
            case 0:
                octets[place : place + 1] = bytes([rng.integers(256)])
            case 1:
                octets[place : place + 1] = b"\xff"
            case 2:
                del octets[place : place + int(rng.integers(1, 9))]
            case 3:
                octets[place:place] = rng.bytes(int(rng.integers(1, 9)))
            case 4 if rng.random() < 0.1:
                del octets[place:]
            case _:
                octets[place : place + 1] = bytes(
                    b ^ 1 << int(rng.integers(8))
                    for b in octets[place : place + 1]
                )
    # The sums of PNG would let decoders refuse whatever is changed.
    is_png = octets.startswith(b"\x89PNG")
    return summed(bytes(octets)) if is_png else bytes(octets)


def summed(png):
    """Mends the sums of a PNG file."""
    position, parts = 8, [png[:8]]
    while position + 12 <= len(png):
        length = int.from_bytes(png[position : position + 4])
        body = png[position + 4 : position + 8 + length]
        parts += [png[position : position + 4], body]
        parts.append(zlib.crc32(body).to_bytes(4))
        position += 12 + length
    return b"".join([*parts, png[position:]])


def judge(file, found):
    """What to count an answer as."""
    if found is None:
        return "refused"
    try:
        [expected] = decode_images([file])
    except ValueError:
        return "forgiven"
    if found.shape != expected.shape:
        return "wrong"
    apart = np.abs(found.astype(int) - expected).mean()
    return "equal" if apart <= _TOLERANCE else "wrong"


def report(counts, wrong, megabytes):
    outcomes = ("equal", "refused", "forgiven", "wrong")
    kinds = sorted({kind for kind, _ in counts})
    print("| format | " + " | ".join(outcomes) + " |")
    print("|---" * (len(outcomes) + 1) + "|")
    for kind in kinds:
        row = [str(counts[kind, outcome]) for outcome in outcomes]
        print(f"| {kind} | " + " | ".join(row) + " |")
    print(f"{counts.total()} files; memory rose by {megabytes:.0f} MB at most")
    for number, kind, file in wrong[:20]:
        print(f"wrong: number {number}, {kind}, {file[:64].hex()}")


if __name__ == "__main__":
    main()

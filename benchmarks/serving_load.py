"""Many clients at once against one SavedModel in one process.

Threads call the signatures of an exported child with random numbers of images
of random sizes, as arrays and as files; a part of the requests is malformed.
Every answer is compared with the child's own. Prints the requests of each kind
with their outcomes, the resident memory after each quarter, and requests a
second. Ends with an error where an answer was wrong, a malformed request was
answered or a good one was not.

    python benchmarks/serving_load.py
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import gc
import io
import os
import pathlib
import tempfile
import time
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import PIL.Image
import tensorflow as tf

import keras_elastic as ke

TOLERANCE = 1e-4
LARGEST_BATCH = 5
QUARTERS = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", default="bignas_digits")
    parser.add_argument("--flops", type=float, default=600e3)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--malformed", type=float, default=0.2)
    arguments = parser.parse_args()
    child = ke.load(arguments.entry, flops=arguments.flops)
    with tempfile.TemporaryDirectory() as folder:
        path = ke.export.saved_model(child, pathlib.Path(folder) / "served")
        found = run(
            child,
            path,
            arguments.requests,
            arguments.threads,
            arguments.malformed,
        )
    report(found)
    if found.wrong:
        raise SystemExit(f"{found.wrong} requests went wrong.")


@dataclasses.dataclass
class Request:
    """A call of a signature, and the answer; none where it is malformed."""

    kind: str
    signature: str
    images: object
    expected: object = None


@dataclasses.dataclass
class Found:
    outcomes: collections.Counter
    memory: list
    seconds: float

    @property
    def requests(self):
        return sum(self.outcomes.values())

    @property
    def wrong(self):
        return sum(
            count
            for (_, outcome), count in self.outcomes.items()
            if outcome.startswith("WRONG")
        )


def run(child, path, requests, threads, malformed):
    """Sends requests from threads, a quarter after the other."""
    images = Images(child)
    served = tf.saved_model.load(str(path)).signatures
    rng = np.random.default_rng(0)
    pool = [images.draw(rng, malformed) for _ in range(500)]
    outcomes, memory = collections.Counter(), []

    def send_next(number):
        return send(served, pool[number % len(pool)])

    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(threads) as executor:
        for numbers in np.array_split(np.arange(requests), QUARTERS):
            outcomes.update(executor.map(send_next, numbers))
            memory.append(resident())
    return Found(outcomes, memory, time.perf_counter() - start)


def send(served, request):
    """Returns the kind of a request, and what came of it."""
    try:
        outputs = served[request.signature](images=request.images)
    except Exception as error:  # Of any type: which one is reported.
        is_right = request.expected is None
        name = type(error).__name__
        return request.kind, f"{'' if is_right else 'WRONG: '}{name}"
    if request.expected is None:
        return request.kind, "WRONG: answered"
    probabilities = outputs["probabilities"].numpy()
    is_right = probabilities.shape == request.expected.shape and np.allclose(
        probabilities, request.expected, rtol=0, atol=TOLERANCE
    )
    return request.kind, "right" if is_right else "WRONG: another answer"


class Images:
    """Images of random sizes, and what the child says of each."""

    def __init__(self, child, groups=12):
        self.size = child.input_shape[1]
        rng = np.random.default_rng(1)
        self.groups = []
        for _ in range(groups):
            height, width = rng.integers(1, 120, 2)
            shape = (LARGEST_BATCH, height, width, 3)
            pixels = self._smooth(rng, shape)
            self.groups.append((pixels, self._answers(child, pixels)))
        self.files = []
        for number in range(groups):
            height, width = rng.integers(1, 200, 2)
            [pixels] = self._smooth(rng, (1, height, width, 3))
            encode = tf.io.encode_jpeg if number % 2 else tf.io.encode_png
            file = encode(pixels).numpy()
            decoded = np.asarray(PIL.Image.open(io.BytesIO(file)))
            [answer] = self._answers(child, decoded[np.newaxis])
            self.files.append((file, answer))

    def _smooth(self, rng, shape):
        """Blots, for noise looks the same to a network once it is resized."""
        coarse = rng.uniform(0, 255, (shape[0], 4, 4, 3))
        pixels = tf.image.resize(coarse, shape[1:3], "bicubic")
        return np.clip(pixels, 0, 255).astype("uint8")

    def _answers(self, child, pixels):
        """The preparation of a SavedModel, written a second time."""
        height, width = pixels.shape[1:3]
        size = min(height, width)
        top, left = (height - size) // 2, (width - size) // 2
        square = pixels[:, top : top + size, left : left + size]
        resized = tf.image.resize(
            square.astype("float32"),
            (self.size, self.size),
            "bicubic",
            antialias=True,
        )
        logits = child(np.clip(resized, 0, 255), training=False)
        return tf.nn.softmax(logits).numpy()

    def draw(self, rng, malformed):
        if rng.random() < malformed:
            return self.draw_malformed(rng)
        return (self.draw_files if rng.random() < 0.5 else self.draw_arrays)(
            rng
        )

    def draw_arrays(self, rng):
        pixels, answers = self.groups[rng.integers(len(self.groups))]
        chosen = rng.integers(
            LARGEST_BATCH, size=rng.integers(LARGEST_BATCH + 1)
        )
        kind = "arrays" if len(chosen) else "no arrays"
        images = tf.constant(pixels[chosen])
        return Request(kind, "serving_default", images, answers[chosen])

    def draw_files(self, rng):
        count = rng.integers(LARGEST_BATCH + 1)
        chosen = [
            self.files[i] for i in rng.integers(len(self.files), size=count)
        ]
        kind = "files" if count else "no files"
        files = tf.constant([file for file, _ in chosen], tf.string)
        answers = np.array([answer for _, answer in chosen])
        answers = answers.reshape(count, -1) if count else self._no_answers()
        return Request(kind, "serve_bytes", files, answers)

    def _no_answers(self):
        return self.groups[0][1][:0]

    def draw_malformed(self, rng):
        file = self.files[rng.integers(len(self.files))][0]
        kinds = {
            "cut file": [file[: rng.integers(1, len(file) - 4)]],
            "no image": [b"no image"],
            "empty bytes": [b""],
            "one bad of two": [file, b"no image"],
            "too large": [png_header(20_000, 20_000)],
        }
        arrays = {
            "wrong dtype": tf.zeros((1, 9, 9, 3), tf.float32),
            "wrong rank": tf.zeros((9, 9, 3), tf.uint8),
            "two channels": tf.zeros((1, 9, 9, 2), tf.uint8),
            "no pixels": tf.zeros((1, 0, 9, 3), tf.uint8),
        }
        kind = rng.choice([*kinds, *arrays])
        if kind in arrays:
            return Request(kind, "serving_default", arrays[kind])
        return Request(kind, "serve_bytes", tf.constant(kinds[kind]))


def png_header(width, height):
    """The beginning of a PNG file of one color, whose end never comes."""
    sizes = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    header = b"IHDR" + sizes + bytes([8, 2, 0, 0, 0])
    length, checksum = len(header) - 4, zlib.crc32(header)
    signature = b"\x89PNG\r\n\x1a\n"
    return (
        signature
        + length.to_bytes(4, "big")
        + header
        + checksum.to_bytes(4, "big")
    )


def resident():
    """Bytes of memory that this process holds."""
    gc.collect()
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def report(found):
    for (kind, outcome), count in sorted(found.outcomes.items()):
        print(f"{kind:<16}{outcome:<28}{count:>7}")
    memory = ", ".join(f"{m / 2**20:.0f}" for m in found.memory)
    print(f"memory after each quarter: {memory} MiB")
    print(f"requests a second: {found.requests / found.seconds:.0f}")
    print(f"wrong: {found.wrong} of {found.requests}")


if __name__ == "__main__":
    main()

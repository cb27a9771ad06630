"""How large the package is, and how deep.

    python benchmarks/size.py

Prints its lines and files; the files that loading a network of the zoo
executes in a fresh process; and how many functions of the package stand
between `Trainer.fit` and the call of a layer.
"""

import argparse
import pathlib
import subprocess
import sys
import traceback

PACKAGE = pathlib.Path(__file__).parents[1] / "keras_elastic"
LOAD = """
import pathlib, sys
import keras_elastic as ke
ke.load("bignas_digits", flops=6e5)
print(*(name for name in sys.modules if name.split(".")[0] == ke.__name__))
"""


def main():
    argparse.ArgumentParser(description=__doc__).parse_args()
    files = list(PACKAGE.rglob("*.py"))
    lines = sum(len(file.read_text("utf-8").splitlines()) for file in files)
    print(f"package: {lines:,} lines in {len(files)} files")
    print(f"files that a load executes: {len(executed())}")
    print(f"own functions from fit to a layer: {depth()}")


def executed():
    """Modules of the package that loading a network imports, by name."""
    result = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, check=True
    )
    return result.stdout.split()


def depth():
    """Functions of the package on the way from `fit` to a layer's call."""
    import keras
    import numpy as np
    import tensorflow as tf

    import keras_elastic as ke
    from keras_elastic.training import Trainer

    supernet = ke.Supernet("bignas_digits", classes=10)
    stacks = []
    call = type(supernet.stem_conv).call

    def noted(layer, *arguments, **options):
        stacks.append(traceback.extract_stack())
        return call(layer, *arguments, **options)

    type(supernet.stem_conv).call = noted
    trainer = Trainer(supernet, keras.optimizers.SGD(0.01))
    images = np.zeros((4, 12, 12, 3), "float32")
    batch = tf.data.Dataset.from_tensors((images, np.arange(4)))
    trainer.fit(
        lambda epoch, start_batch: batch,
        epochs=1,
        steps_per_epoch=1,
        verbose=0,
    )
    return sum(map(is_own, stacks[0]))


def is_own(frame):
    """Whether a frame is of a function of the package."""
    if frame.filename.startswith(str(PACKAGE)):
        return True
    # What a `tf.function` traces is rewritten into files elsewhere.
    return "__autograph" in frame.filename and frame.name.startswith("tf__")


if __name__ == "__main__":
    main()

"""The flags of `train.py`, and which of them go together."""

import importlib.util

from absl import flags

from keras_elastic import scripts

FLAGS = flags.FLAGS
# They belong to the script that defines them.
flags.disclaim_key_flags()


def define(*recipes):
    """Defines the flags.

    Args:
        *recipes: Classes of recipes, whose fields become flags.

    Returns:
        Function without arguments that returns the fields of a recipe that
        were given, a dictionary.
    """
    flags.DEFINE_string(
        "recipe",
        "bignas_digits",
        "Name of a recipe of the zoo, or a recipe file.",
    )
    flags.register_validator(
        "recipe", bool, "It must name a recipe, or a file."
    )
    flags.DEFINE_string("run_dir", None, "Folder of the run. [runs/<recipe>]")
    flags.DEFINE_string(
        "data_dir", None, "Folder of data sets, packed or in TFDS form."
    )
    _define_devices()
    _define_what_else_is_done()
    return scripts.define_flags(*recipes, skip=("name",))


def _define_devices():
    flags.DEFINE_enum(
        "backend",
        None,
        ["tensorflow", "torch"],
        "The Keras backend. torch trains on one device; without TensorFlow, on "
        "digits and packed data sets. [KERAS_BACKEND, or Keras's own choice]",
    )
    flags.DEFINE_enum(
        "strategy",
        "none",
        ["none", "mirrored", "multi_worker", "tpu"],
        "The tf.distribute strategy: one device, all GPUs of the machine, "
        "several machines (each with its TF_CONFIG), or a TPU.",
    )
    flags.DEFINE_string("tpu", "", "Name or address of the TPU. [this host's]")
    flags.DEFINE_enum(
        "mode",
        None,
        ["sliced", "masked"],
        "How the supernet runs a subnet. [masked for XLA and TPU, else sliced]",
    )
    flags.DEFINE_boolean("jit_compile", False, "Compile the step with XLA.")


def _define_what_else_is_done():
    flags.DEFINE_integer(
        "checkpoint_every",
        None,
        "Steps between checkpoints, besides each epoch's.",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "validate_every",
        0,
        "Epochs between validations of the smallest, the largest and two "
        "random subnets on held-out images. 0 for none.",
        lower_bound=0,
    )
    flags.DEFINE_boolean(
        "skip_corrupt",
        False,
        "Leave out the files of a folder that do not decode.",
    )
    flags.DEFINE_boolean(
        "check_images",
        True,
        "Decode every image once before the run begins, so that one that "
        "cannot be decoded is named then. Takes as long as reading the data "
        "set.",
    )
    flags.DEFINE_boolean(
        "compare", False, "Train the largest architecture alone, too."
    )
    flags.DEFINE_boolean(
        "latency", False, "Time the networks of the front, for front.csv."
    )
    flags.DEFINE_boolean(
        "smoke",
        False,
        "Two epochs of a few steps on the first images of the data set, few "
        "candidates, a report on 200 images: a test.",
    )
    flags.DEFINE_boolean(
        "tensorboard",
        False,
        "Write logs for TensorBoard. Needs the extra of it.",
    )


def check_needs(backend) -> None:
    """Raises a `ValueError` for flags that need what is not there.

    Args:
        backend: String. The backend that Keras runs on.
    """
    if FLAGS.backend not in (None, backend):
        raise ValueError(
            "--backend must be on the command line, where it is read before "
            f"Keras is imported. Received: --backend={FLAGS.backend} from "
            f"elsewhere, and Keras on {backend!r}."
        )
    for flag, package, needed in (
        ("tensorboard", "tensorboard", FLAGS.tensorboard),
        ("latency", "tensorflow", FLAGS.latency),
    ):
        if needed and importlib.util.find_spec(package) is None:
            raise ValueError(
                f"--{flag} needs `pip install {package}`. Received: --{flag}, "
                "which is not installed. Install it, or leave the flag out."
            )
    if FLAGS.tpu and FLAGS.strategy != "tpu":
        raise ValueError(
            "--tpu is of --strategy=tpu. Received: "
            f"--strategy={FLAGS.strategy}. Leave one of them out."
        )


def make_strategy(backend):
    """Returns the `tf.distribute` strategy of the flags; none on torch.

    Args:
        backend: String. The backend that Keras runs on.
    """
    from keras_elastic.training import strategies

    if backend == "tensorflow":
        try:
            return strategies.make_strategy(FLAGS.strategy, FLAGS.tpu)
        except (ValueError, RuntimeError) as error:
            raise ValueError(
                f"--strategy={FLAGS.strategy} cannot be made: {error}"
            ) from error
    if FLAGS.strategy != "none":
        raise ValueError(
            "With --backend=torch training runs on one device. Received: "
            f"--strategy={FLAGS.strategy}. Use the TensorFlow backend."
        )
    return None


def check_use(recipe, replicas) -> None:
    """Raises a `ValueError` for flags that do not fit a recipe.

    Args:
        recipe: `TrainingRecipe`.
        replicas: Integer. Replicas of the strategy.
    """
    unused = {
        "basisnet": ("mode", "validate_every", "compare"),
        "condconv": ("mode", "validate_every", "compare"),
        "dsnet": ("compare",),
    }
    given = [f for f in unused.get(recipe.kind, ()) if FLAGS[f].value]
    if given:
        raise ValueError(
            f"A recipe of kind {recipe.kind!r} has no use for {given}. "
            f"Received: --recipe={FLAGS.recipe}. Leave the flags out."
        )
    if recipe.batch_size % (replicas * recipe.accumulation_steps):
        raise ValueError(
            f"`batch_size` must be a multiple of the {replicas} replicas of "
            f"--strategy={FLAGS.strategy} times the `accumulation_steps`. "
            f"Received: batch_size={recipe.batch_size}, accumulation_steps="
            f"{recipe.accumulation_steps}. Pass another --batch_size."
        )
    if recipe.mixup and (recipe.batch_size // replicas) % 2:
        raise ValueError(
            f"With `mixup` the part of each of the {replicas} replicas in a "
            f"batch must be even. Received: batch_size={recipe.batch_size}. "
            "Pass another --batch_size."
        )

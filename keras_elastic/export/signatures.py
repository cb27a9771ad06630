"""The signatures of a served child: from images in any form to classes."""

import tensorflow as tf

from keras_elastic.data import encoded_images
from keras_elastic.data.augmentation import central_square
from keras_elastic.export import image_limits
from keras_elastic.layers import kernels
from keras_elastic.models import outputs
from keras_elastic.models.preparation import Preparation

# Tensors of this name are what every signature takes.
IMAGES = "images"


def images_spec(size=None, dtype="uint8"):
    """Specification of a batch of square images, or of any images."""
    return tf.TensorSpec((None, size, size, 3), dtype, name=IMAGES)


def bytes_spec():
    """Specification of a batch of encoded images."""
    return tf.TensorSpec((None,), "string", name=IMAGES)


def tensors_signature(call, end=outputs.LOGITS, multi_label=False):
    """Returns a signature from prepared images to logits and probabilities.

    Args:
        call: Function from float32 images to what a model returns.
        end: What that is; see `outputs.check_classifier`.
        multi_label: Boolean, whether an image may have several labels.
    """

    def serve_tensors(images):
        returned = _call_with_some(call, images)
        return {
            "logits": outputs.to_logits(returned, end),
            "probabilities": outputs.to_probabilities(
                returned, end, multi_label
            ),
        }

    return serve_tensors


def _call_with_some(call, images):
    """The logits of any number of images, none included.

    For no images at all TensorFlow's convolutions fail on a CPU.
    """
    count = tf.shape(images)[0]
    some = tf.cond(
        count > 0,
        lambda: images,
        lambda: tf.zeros((1, *images.shape[1:]), images.dtype),
    )
    return call(tf.ensure_shape(some, images.shape))[:count]


def images_signature(serve_tensors, prepare, names, top):
    """Returns a signature from uint8 images of one size to classes.

    Args:
        serve_tensors: What `tensors_signature` returned.
        prepare: What `preparation` returned.
        names: Names of the classes.
        top: How many classes to name.
    """

    def serving_default(images):
        return _classes(serve_tensors(prepare(images)), names, top)

    return serving_default


def logits_signature(call, prepare, names, top):
    """Returns a signature from uint8 images to logits and classes.

    Args:
        call: Function from float32 images to logits.
        prepare: What `preparation` returned.
        names: Names of the classes.
        top: How many classes to name.
    """
    serve_tensors = tensors_signature(call)

    def serve(images):
        scores = serve_tensors(prepare(images))
        return {**scores, **_classes(scores, names, top)}

    return serve


def bytes_signature(serve_tensors, prepare, resolution, names, top):
    """Returns a signature from encoded images to classes.

    Args:
        serve_tensors: What `tensors_signature` returned.
        prepare: What `preparation` returned.
        resolution: Integer, the size that `prepare` makes.
        names: Names of the classes.
        top: How many classes to name.
    """

    def serve_bytes(images):
        # One at a time, for each has a size of its own.
        pixels = tf.map_fn(
            lambda encoded: prepare(_decode(encoded)[tf.newaxis])[0],
            images,
            fn_output_signature=tf.TensorSpec(
                (resolution, resolution, 3), "float32"
            ),
        )
        return _classes(serve_tensors(pixels), names, top)

    return serve_bytes


# Of its own, for it is large and the same in all exports: it is traced once.
@tf.function(input_signature=[tf.TensorSpec((), "string")], autograph=False)
def _decode(encoded):
    image = encoded_images.decode(image_limits.refuse_large(encoded))
    # Bytes that are no image are an error of the operation, and so of the
    # request.
    check = tf.debugging.Assert(
        tf.size(image) > 0, ["`images` must be whole image files."]
    )
    with tf.control_dependencies([check]):
        return tf.identity(image)


def preparation(resolution, chosen=None):
    """Returns a function from uint8 images of any size to a model's pixels.

    Args:
        resolution: Integer. The model's.
        chosen: `Preparation`. Defaults to the largest central square, which
            is resized by bicubic interpolation.
    """
    chosen = chosen or Preparation()

    def prepare(images):
        square = central_square(images, chosen.crop_fraction)
        # Of uint8 images, which are a quarter of the float32 ones that
        # `keras.layers.Resizing` would make of them first.
        size = chosen.patch_size or resolution
        pixels = tf.image.resize(
            square, (size, size), "bicubic", antialias=True
        )
        # Bicubic interpolation overshoots at sharp edges.
        pixels = tf.clip_by_value(pixels, 0.0, 255.0)
        if size == resolution:
            return pixels
        return kernels.resize(pixels, resolution, chosen.interpolation)

    return prepare


def _classes(scores, names, top):
    best = tf.math.top_k(scores["probabilities"], top)
    return {
        "probabilities": scores["probabilities"],
        "top_classes": tf.gather(tf.constant(names), best.indices),
        "top_probabilities": best.values,
    }

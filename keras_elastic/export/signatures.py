"""The signatures of a served child: from images in any form to classes."""

import keras
import tensorflow as tf

# Tensors of this name are what every signature takes.
IMAGES = "images"


def images_spec(size=None, dtype="uint8"):
    """Specification of a batch of square images, or of any images."""
    return tf.TensorSpec((None, size, size, 3), dtype, name=IMAGES)


def bytes_spec():
    """Specification of a batch of encoded images."""
    return tf.TensorSpec((None,), "string", name=IMAGES)


def tensors_signature(call):
    """Returns a signature from prepared images to logits.

    Args:
        call: Function from float32 images to logits.
    """

    def serve_tensors(images):
        # A model in mixed precision may end in half precision.
        logits = tf.cast(call(images), "float32")
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    return serve_tensors


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
        outputs = serve_tensors(prepare(images))
        return {**outputs, **_classes(outputs, names, top)}

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

    def prepare_one(encoded):
        # Repeats the channel of grey images and drops alpha. Of an animation
        # the first image is taken. Bytes that are no image are an error of
        # the operation, and so of the request.
        image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        image.set_shape((None, None, 3))
        return prepare(image[tf.newaxis])[0]

    def serve_bytes(images):
        # One at a time, for each has a size of its own.
        pixels = tf.map_fn(
            prepare_one,
            images,
            fn_output_signature=tf.TensorSpec(
                (resolution, resolution, 3), "float32"
            ),
        )
        return _classes(serve_tensors(pixels), names, top)

    return serve_bytes


def preparation(resolution):
    """Returns a function from uint8 images of any size to a model's pixels.

    The largest central square is resized by bicubic interpolation.
    """
    resize = keras.layers.Resizing(
        resolution,
        resolution,
        interpolation="bicubic",
        antialias=True,
        crop_to_aspect_ratio=True,
        data_format="channels_last",
        dtype="float32",
    )

    def prepare(images):
        # Cast first: on integers the layer would round its result.
        pixels = resize(tf.cast(images, "float32"))
        # Bicubic interpolation overshoots at sharp edges.
        return tf.clip_by_value(pixels, 0.0, 255.0)

    return prepare


def _classes(outputs, names, top):
    best = tf.math.top_k(outputs["probabilities"], top)
    return {
        "probabilities": outputs["probabilities"],
        "top_classes": tf.gather(tf.constant(names), best.indices),
        "top_probabilities": best.values,
    }

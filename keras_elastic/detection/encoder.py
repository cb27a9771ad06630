"""The trunk of a child as the image encoder of keras-hub's detectors."""

import keras


@keras.saving.register_keras_serializable(package="keras_elastic")
class ImageEncoder(keras.Model):
    """A child's feature maps, under the names that keras-hub asks for.

    A level of a feature pyramid is the binary logarithm of its stride: `"P3"`
    is the map that is 8 times smaller than the image.

    Args:
        network: Functional `keras.Model` from images to a dictionary from
            `"P3"` and so on to features.
        **kwargs: Arguments of `keras.Model`.

    Input shape:
        (batch, height, width, 3), pixels in 0..255.

    Output shape:
        A dictionary from levels to (batch, height, width, channels).
    """

    def __init__(self, network, **kwargs):
        kwargs.setdefault("name", network.name)
        super().__init__(network.inputs[0], dict(network.output), **kwargs)
        self.pyramid_outputs = dict(network.output)

    @classmethod
    def of(cls, pyramid, image_size):
        """Makes an encoder with a copy of a pyramid, for images of a size.

        Args:
            pyramid: What `feature_pyramid` returned of a child.
            image_size: Pair of integers, height and width in pixels.

        Returns:
            An `ImageEncoder`.
        """
        images = keras.Input((*image_size, 3), name="images")
        copy = keras.models.clone_model(pyramid, input_tensors=images)
        copy.set_weights(pyramid.get_weights())
        outputs = {level_of(name): x for name, x in copy.output.items()}
        return cls(keras.Model(copy.inputs[0], outputs, name=pyramid.name))

    def get_config(self):
        network = keras.Model(
            self.inputs[0], self.pyramid_outputs, name=self.name
        )
        return {
            "network": keras.saving.serialize_keras_object(network),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        network = keras.saving.deserialize_keras_object(
            config["network"], custom_objects
        )
        return cls(network, name=config["name"])


def level_of(name):
    """The level of a map: "P3" of "stride_8"."""
    return f"P{int(name.removeprefix('stride_')).bit_length() - 1}"

"""CondConv: a network whose blocks mix their kernels by their own input."""

import functools
from collections.abc import Iterable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import Any

import keras

from keras_elastic.conditional.basisnet import config as basisnet_config
from keras_elastic.conditional.basisnet import stages
from keras_elastic.conditional.basisnet.convolution import check_method
from keras_elastic.conditional.basisnet.costs import check_bases
from keras_elastic.conditional.basisnet.costs import condconv_costs
from keras_elastic.conditional.basisnet.model import as_pixels
from keras_elastic.conditional.basisnet.model import classes_of
from keras_elastic.layers import kernels
from keras_elastic.layers import slicing
from keras_elastic.models import class_names
from keras_elastic.models.child import rescale

if TYPE_CHECKING:
    from keras_elastic.conditional.basisnet.costs import BasisNetCosts
    from keras_elastic.spaces import Plan


@keras.saving.register_keras_serializable(package="keras_elastic")
class CondConvNet(keras.Model):
    """A network of which some blocks have a kernel for each image.

    A block with experts pools its input, makes one vector of coefficients by a
    dense layer and a sigmoid, and mixes the kernels of all its convolutions
    with it. What else is in the block is shared.

    Reference:
    - CondConv: Conditionally Parameterized Convolutions for Efficient
      Inference (Yang et al., NeurIPS 2019), section 3, and its release for
      one vector a block.

    Args:
        plan: `Plan` of the network, over integers.
        num_bases: Integer. Number of experts.
        basis_blocks: Iterable of integers: the numbers of the blocks with
            experts, counted from 1 behind the stem.
        method: How basis convolutions are computed, see `BasisConv2D`.
        dtype: Dtype policy of the layers. Defaults to the global policy.
        name: String.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        inputs: Tensor of pixels in 0..255.
        training: Boolean.

    Input shape:
        (batch, resolution, resolution, 3)

    Output shape:
        (batch, classes), logits.

    Raises:
        ValueError: There are no experts or no such blocks.

    Example:

    >>> family = keras_elastic.families.get("bignas_digits")
    >>> plan = family.plan(family.space.smallest, classes=10)
    >>> model = CondConvNet(plan, num_bases=4, basis_blocks=(2, 3))
    >>> model(np.zeros((2, 8, 8, 3))).shape
    TensorShape([2, 10])
    """

    def __init__(
        self,
        plan: "Plan",
        num_bases: int,
        basis_blocks: Iterable[int],
        method: str = "auto",
        dtype: Any = None,
        name: str = "condconv",
        **kwargs: Any,
    ):
        slicing.image_axes()
        plan = basisnet_config.live_plan(plan)
        basis_blocks = check_bases(plan, num_bases, basis_blocks)
        policy = keras.dtype_policies.get(dtype or keras.config.dtype_policy())
        layers = stages.NewLayers("", policy, num_bases, check_method(method))
        size = plan.resolution
        images = keras.Input((size, size, 3), name="images")
        logits = _run(plan, num_bases, basis_blocks, images, layers)
        super().__init__(inputs=images, outputs=logits, name=name, **kwargs)
        self.plan = plan
        self.num_bases = num_bases
        self.basis_blocks = basis_blocks
        self.method = method
        self.policy = policy

    @property
    def classes(self) -> int:
        """Number of classes."""
        return classes_of(self.plan)

    @property
    def dropouts(self) -> dict[str, tuple[float, int]]:
        """Rate and number of features of every dropout, by name."""
        return stages.dropouts(self.plan)

    def run(
        self,
        images: Any,
        training: bool = False,
        dropout_masks: Mapping[str, Any] | None = None,
    ) -> Any:
        """Runs images, and draws nothing at random.

        Args:
            images: Tensor of pixels in 0..255, of any square size.
            training: Boolean. Whether normalizations take the batch's
                statistics.
            dropout_masks: Dictionary from names of `dropouts` to tensors of
                shape (batch, features) that multiply the features there, or
                `None`.

        Returns:
            float32 logits of shape (batch, classes).
        """
        by_name = {layer.name: layer for layer in self.layers}
        layers = stages.MadeLayers(by_name, "", training, dropout_masks)
        images, size = as_pixels(images), self.plan.resolution
        if tuple(images.shape[1:3]) != (size, size):
            images = kernels.resize(images, size)
        return _run(
            self.plan, self.num_bases, self.basis_blocks, images, layers
        )

    @property
    def costs(self) -> "BasisNetCosts":
        """`BasisNetCosts`: multiply-adds and parameters."""
        return condconv_costs(self.plan, self.num_bases, self.basis_blocks)

    def get_config(self) -> dict[str, Any]:
        # Not that of functional models, which lists all layers.
        return {
            **class_names.described(self),
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.policy),
            "plan": basisnet_config.serialize_plan(self.plan),
            "num_bases": self.num_bases,
            "basis_blocks": list(self.basis_blocks),
            "method": self.method,
        }

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: Mapping[str, Any] | None = None,
    ) -> "CondConvNet":
        plan = basisnet_config.deserialize_plan(config["plan"])
        dtype = keras.dtype_policies.deserialize(config["dtype"])
        return class_names.revived(
            cls, {**config, "plan": plan, "dtype": dtype}
        )


def _run(plan, num_bases, basis_blocks, images, layers):
    """Logits of images, by layers that are new or made; see `stages`."""
    routing = {
        block.name: functools.partial(_route, block.name, num_bases, layers)
        for block in (plan.blocks[number] for number in basis_blocks)
    }
    features = rescale(plan, images, layers)
    logits = stages.run_blocks(plan.blocks, features, layers, routing)
    # In float32, whatever the precision of the layers.
    return layers.Activation("linear", dtype="float32", name="logits")(logits)


def _route(name, num_bases, layers, inputs):
    """Coefficients of a block from its input."""
    pooled = layers.GlobalAveragePooling2D(name=f"{name}_routing_pool")(inputs)
    return layers.Dense(
        num_bases, activation="sigmoid", name=f"{name}_routing"
    )(pooled)

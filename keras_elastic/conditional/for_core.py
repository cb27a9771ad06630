"""What the core asks of models of a class of their own, the same for all."""

from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from keras import Model as _Model
else:
    _Model = object


class ConditionalModel(_Model):
    """A mixin before `keras.Model`, of a model that `fit` trains in its way.

    A subclass has `head_layers`, the names of its classifiers, `_fitting`,
    what runs it in training, and writes `_config_of`.
    """

    @property
    def random_variables(self) -> list[Any]:
        """What a training draws with, which no file of the model holds."""
        return [self._fitting.random.seed.state]

    def _config_of(self, classes):
        """Returns the configuration of a model with new classifiers."""
        raise NotImplementedError

    def with_new_classifier(self, classes: int) -> Any:
        """Returns a copy with new classifiers, and no exit.

        All other weights are those of the model.

        Args:
            classes: Integer. Number of classes.
        """
        config = self._config_of(classes)
        config.pop("class_names", None)
        config.pop("preparation", None)
        new = type(self).from_config(config)
        for layer in new.layers:
            if layer.name not in new.head_layers:
                old = self.get_layer(layer.name)
                layer.set_weights(old.get_weights())
        return new

    def _configure(self, **settings):
        self._fitting.configure(**settings)
        # A step that was traced has the old numbers.
        self.train_function = None
        return self

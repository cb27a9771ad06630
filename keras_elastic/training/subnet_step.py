"""What a training step is made of, on every backend."""


class SubnetStep:
    """The parts of a step that sums the gradients of several subnets.

    Args:
        supernet: `Supernet`.
        optimizer: `keras.optimizers.Optimizer`.
        objective: What the subnets learn from; see `objectives`.
        settings: `StepSettings`.
    """

    def __init__(self, supernet, optimizer, objective, settings):
        self.supernet = supernet
        self.optimizer = optimizer
        self.objective = objective
        self.settings = settings
        self.variables = list(supernet.trainable_variables)
        self._decays = settings.decays(supernet, self.variables)

"""Training a supernet."""

from keras_elastic import lazy
from keras_elastic.training.schedules import (
    ExponentialWithConstantEnding as ExponentialWithConstantEnding,
)
from keras_elastic.training.schedules import WarmUp as WarmUp

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "conditional_trainer": ["ConditionalTrainer"],
        "guard": ["TrainingLost"],
        "losses": ["AdaptiveAlphaDivergence", "SoftCrossEntropy"],
        "objectives": [
            "EnsembleBootstrapping",
            "InPlaceDistillation",
            "Supervised",
        ],
        "phases": ["PhaseTrainer"],
        "recipe": ["Recipe"],
        "samplers": [
            "AttentiveSandwich",
            "RandomSubnets",
            "Sandwich",
            "Single",
        ],
        "settings": ["StepSettings"],
        "teachers": ["KerasTeacher", "SubnetTeacher"],
        "trainer": ["Trainer"],
        "validation": ["SubnetValidation", "watched"],
    },
    modules=["provenance", "strategies"],
)

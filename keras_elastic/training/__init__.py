"""Training a supernet, or a model that is conditional on the image."""

from keras_elastic import lazy
from keras_elastic import registration

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "finetuning": ["FineTuningRecipe", "finetune_recipe"],
        "finetuning_stage": ["FineTuningStage"],
        "guard": ["TrainingLost"],
        "loop": ["TaskTrainer"],
        "losses": ["AdaptiveAlphaDivergence", "SoftCrossEntropy"],
        "objectives": [
            "EnsembleBootstrapping",
            "InPlaceDistillation",
            "Supervised",
        ],
        "recipe": ["Recipe"],
        "run": ["Run"],
        "samplers": [
            "AttentiveSandwich",
            "RandomSubnets",
            "Sandwich",
            "Single",
        ],
        "task": ["Task"],
        "teachers": ["KerasTeacher", "SubnetTeacher"],
        "trainer": ["Trainer"],
    },
)
registration.register_late(
    __name__, {"schedules": ["ExponentialWithConstantEnding", "WarmUp"]}
)

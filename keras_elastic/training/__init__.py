"""Training a supernet."""

from keras_elastic import lazy
from keras_elastic import registration

_SCHEDULES = {"schedules": ["ExponentialWithConstantEnding", "WarmUp"]}

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "loop": ["TaskTrainer"],
        "finetuning": ["FineTuningRecipe", "finetune_recipe"],
        "finetuning_stage": ["FineTuningStage"],
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
        **_SCHEDULES,
        "settings": ["StepSettings"],
        "task": ["SubnetTask", "Task"],
        "run": ["Run"],
        "teachers": ["KerasTeacher", "SubnetTeacher"],
        "trainer": ["Trainer"],
        "training_recipe": ["TrainingRecipe", "recipe_from_json"],
        "validation": ["SubnetValidation", "watched"],
    },
    modules=["provenance", "strategies"],
)
registration.register_late(__name__, _SCHEDULES)

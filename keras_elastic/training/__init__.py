"""Training a supernet."""

from keras_elastic import lazy
from keras_elastic.training.schedules import (
    ExponentialWithConstantEnding as ExponentialWithConstantEnding,
)
from keras_elastic.training.schedules import WarmUp as WarmUp

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "basisnet_task": ["BasisNetTask"],
        "basisnet_recipe": ["BasisNetRecipe"],
        "conditional_trainer": ["ConditionalTrainer"],
        "gate_task": ["GateTask"],
        "dsnet_recipe": ["DSNetRecipe"],
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
        "recipe_kinds": ["recipe_from_json"],
        "samplers": [
            "AttentiveSandwich",
            "RandomSubnets",
            "Sandwich",
            "Single",
        ],
        "settings": ["StepSettings"],
        "task_training": ["RunSetting", "train_task"],
        "teachers": ["KerasTeacher", "SubnetTeacher"],
        "trainer": ["Trainer"],
        "training_recipe": ["TrainingRecipe"],
        "validation": ["SubnetValidation", "watched"],
    },
    modules=["provenance", "strategies"],
)

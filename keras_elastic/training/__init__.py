"""Training a supernet, or a model that is conditional on the image."""

import typing

from keras_elastic import lazy
from keras_elastic import registration

if typing.TYPE_CHECKING:
    from keras_elastic.training.finetuning import (
        FineTuningRecipe as FineTuningRecipe,
    )
    from keras_elastic.training.finetuning import (
        finetune_recipe as finetune_recipe,
    )
    from keras_elastic.training.finetuning_stage import (
        FineTuningStage as FineTuningStage,
    )
    from keras_elastic.training.guard import TrainingLost as TrainingLost
    from keras_elastic.training.loop import TaskTrainer as TaskTrainer
    from keras_elastic.training.losses import (
        AdaptiveAlphaDivergence as AdaptiveAlphaDivergence,
    )
    from keras_elastic.training.losses import (
        SoftCrossEntropy as SoftCrossEntropy,
    )
    from keras_elastic.training.objectives import (
        EnsembleBootstrapping as EnsembleBootstrapping,
    )
    from keras_elastic.training.objectives import (
        InPlaceDistillation as InPlaceDistillation,
    )
    from keras_elastic.training.objectives import Supervised as Supervised
    from keras_elastic.training.recipe import Recipe as Recipe
    from keras_elastic.training.run import Run as Run
    from keras_elastic.training.samplers import (
        AttentiveSandwich as AttentiveSandwich,
    )
    from keras_elastic.training.samplers import RandomSubnets as RandomSubnets
    from keras_elastic.training.samplers import Sandwich as Sandwich
    from keras_elastic.training.samplers import Single as Single
    from keras_elastic.training.task import Task as Task
    from keras_elastic.training.teachers import KerasTeacher as KerasTeacher
    from keras_elastic.training.teachers import SubnetTeacher as SubnetTeacher
    from keras_elastic.training.trainer import Trainer as Trainer

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

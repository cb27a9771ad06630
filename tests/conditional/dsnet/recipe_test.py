import pytest

from keras_elastic.conditional import DSNetRecipe

RECIPE = DSNetRecipe(
    name="one",
    family="ds_mobilenet_cifar10",
    dataset="digits",
    patch_size=32,
    batch_size=4,
    epochs=20,
    learning_rate=0.1,
    budgets=(2e6,),
    windows=["S", "all"],
    gate_epochs=3,
    gate_learning_rate=0.02,
    label_smoothing=0.1,
    mixup=0.2,
    ema_momentum=0.9,
)


def test_the_gates_learn_by_numbers_of_their_own():
    gates = RECIPE.gate_recipe()
    assert (gates.epochs, gates.learning_rate) == (3, 0.02)
    assert (gates.optimizer, gates.schedule) == ("sgd", "cosine")
    settings = gates.step_settings()
    assert settings["mixup"] == settings["label_smoothing"] == 0
    assert settings["weight_decay"] == 0
    assert gates.ema_momentum is None


def test_windows_are_a_tuple():
    assert RECIPE.windows == ("S", "all")


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"windows": ("XL",)}, "`windows`.*XL"),
        ({"windows": ()}, "`windows`"),
        ({"hard_samples": "skip"}, "`hard_samples`.*skip"),
        ({"gate_epochs": 0}, "needs positive.*gate_epochs"),
        ({"budgets": ()}, "positive budgets"),
    ],
)
def test_wrong_values(changes, message):
    with pytest.raises(ValueError, match=message):
        RECIPE.replace(**changes)

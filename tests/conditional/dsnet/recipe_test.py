import pytest

from keras_elastic.conditional import DSNet
from keras_elastic.conditional import DSNetRecipe
from keras_elastic.conditional.dsnet import routes as dsnet_routes
from keras_elastic.conditional.dsnet.families import EquispacedEfficientNet
from keras_elastic.spaces import costs
from keras_elastic.zoo import read_recipe

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


def test_a_pair_is_a_window():
    recipe = RECIPE.replace(windows=[(2, 4), [1, 3], "L", "2-5"])
    assert recipe.windows == ("2-4", "1-3", "L", "2-5")
    again = DSNetRecipe.from_json(recipe.to_json())
    assert again == recipe
    recipe.check(10, None)


def test_a_window_is_one_of_the_family():
    with pytest.raises(ValueError, match="(?s)`windows`.*'4-6'.*wider width"):
        RECIPE.replace(windows=((4, 6),)).check(10, None)


# The recipes of the zoo


def test_ds_efficientnet_reaches_what_is_published():
    recipe = read_recipe("ds_efficientnet_imagenet", {})
    family = recipe.make_family()
    assert (family.fixed_stages, family.fixed_width) == (4, 50)
    assert (min(family.width), max(family.width)) == (75, 175)
    assert isinstance(family, EquispacedEfficientNet)
    for window, published in zip(recipe.windows, (270e6, 400e6), strict=True):
        archs = DSNet.architectures(family, dsnet_routes.parse(window))
        flops = [costs(family.plan(arch, 1000)).flops for arch in archs]
        assert min(flops) < published < max(flops)
        assert len(flops) == 4


@pytest.mark.parametrize(
    "name", ["ds_efficientnet_imagenet", "ds_mobilenet_imagenet"]
)
def test_the_supplement_is_followed(name):
    recipe = read_recipe(name, {})
    assert recipe.label_smoothing == 0
    assert recipe.augmentation == "auto_augment"
    assert recipe.optimizer == "sgd"
    assert recipe.make_sampler().apart
    family = recipe.make_family()
    assert family.attention == "one_plus_tanh"
    plan = family.plan(family.space.largest, 1000)
    found = {o.name: o for b in plan.blocks for o in b.every_operation}
    assert {found[g.operation].gate for g in family.gates} == {"one_plus_tanh"}


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

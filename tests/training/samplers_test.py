import types

import numpy as np
import pytest

from keras_elastic import families
from keras_elastic.spaces import costs
from keras_elastic.training import AttentiveSandwich
from keras_elastic.training import RandomSubnets
from keras_elastic.training import Sandwich
from keras_elastic.training import Single

FAMILY = families.get("bignas")
SPACE = FAMILY.space
SUPERNET = types.SimpleNamespace(space=SPACE, family=FAMILY, classes=1000)
PART = SPACE.keep_largest(depth=1, kernel_size=1, resolution=2)


def flops(archs):
    plan = FAMILY.plan(SPACE.unstack(np.asarray(archs)), SUPERNET.classes)
    return np.broadcast_to(costs(plan).flops, len(archs))


def refuse(archs):
    raise AssertionError("Nothing is asked of the losses.")


class Asked:
    """Losses that remember for what they were asked."""

    def __init__(self, losses=flops):
        self.losses = losses

    def __call__(self, archs):
        self.archs = archs
        return self.losses(archs)


SAMPLERS = {
    "random": RandomSubnets(num_random=3),
    "sandwich": Sandwich(),
    "mutual": Sandwich(mutual=True),
    "same resolution": Sandwich(same_resolution=True),
    "best": AttentiveSandwich(),
    "worst": AttentiveSandwich(prefer="worst", num_candidates=2),
    "single": Single(SPACE.smallest),
}


@pytest.fixture(params=SAMPLERS)
def sampler(request):
    return SAMPLERS[request.param]


# All


def test_a_draw_is_a_matrix_of_encodings(sampler):
    archs = sampler.draw(SUPERNET, 0, 7, flops)
    assert archs.shape == (len(sampler.names()), len(SPACE.genes))
    assert archs.dtype == "int32"
    for row in archs:
        assert SPACE.contains(SPACE.decode(row))


def test_a_draw_depends_on_seed_and_step_only(sampler):
    first = sampler.draw(SUPERNET, 3, 11, flops)
    sampler.draw(SUPERNET, 3, 12, flops)
    np.testing.assert_array_equal(first, sampler.draw(SUPERNET, 3, 11, flops))


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"single"}))
@pytest.mark.parametrize("other", [(4, 11), (3, 12), (2**40, 11)])
def test_other_seeds_and_steps_draw_others(name, other):
    first = SAMPLERS[name].draw(SUPERNET, 3, 11, flops)
    second = SAMPLERS[name].draw(SUPERNET, *other, flops)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"best", "worst"}))
def test_only_attentive_samplers_need_losses(name):
    SAMPLERS[name].draw(SUPERNET, 0, 0, refuse)
    SAMPLERS[name].draw(SUPERNET, 0, 0)


def test_names():
    assert SAMPLERS["random"].names() == ("random_1", "random_2", "random_3")
    assert SAMPLERS["best"].names() == (
        "largest",
        "smallest",
        "random_1",
        "random_2",
    )
    assert SAMPLERS["single"].names() == ("subnet",)


@pytest.mark.parametrize("kind", [RandomSubnets, Sandwich, AttentiveSandwich])
def test_a_part_of_the_space_is_respected(kind):
    sampler = kind(num_random=4, space=PART)
    for step in range(5):
        archs = sampler.draw(SUPERNET, 0, step, flops)
        for column, (_, choices) in zip(archs.T, PART.genes, strict=True):
            assert set(column) <= set(choices)


@pytest.mark.parametrize("kind", [Sandwich, AttentiveSandwich])
def test_the_ends_are_those_of_the_part(kind):
    archs = kind(space=PART).draw(SUPERNET, 0, 0, flops)
    assert SPACE.decode(archs[0]) == PART.largest == SPACE.largest
    assert SPACE.decode(archs[1]) == PART.smallest != SPACE.smallest


LIST = (SPACE.largest, *map(SPACE.sample, map(np.random.default_rng, range(9))))


@pytest.mark.parametrize("kind", [RandomSubnets, Sandwich, AttentiveSandwich])
def test_random_subnets_are_drawn_from_a_list(kind):
    sampler = kind(num_random=2, archs=LIST)
    drawn = set()
    for step in range(60):
        archs = sampler.draw(SUPERNET, 0, step, flops)
        np.testing.assert_array_equal(
            archs, sampler.draw(SUPERNET, 0, step, flops)
        )
        assert archs.dtype == "int32"
        drawn.update(map(SPACE.decode, archs[-2:]))
        if kind is not RandomSubnets:
            assert SPACE.decode(archs[0]) == SPACE.largest
            assert SPACE.decode(archs[1]) == SPACE.smallest
    assert drawn <= set(LIST)
    # Attentive ones have their favorites.
    assert len(drawn) > 5 if kind is AttentiveSandwich else drawn == set(LIST)


@pytest.mark.parametrize("count", [0, 1])
def test_a_sandwich_of_a_list_of_one(count):
    sampler = Sandwich(num_random=count, archs=LIST[:1])
    assert len(sampler.draw(SUPERNET, 0, 0)) == 2 + count


@pytest.mark.parametrize("kind", [RandomSubnets, Sandwich, AttentiveSandwich])
def test_an_empty_list_is_refused(kind):
    with pytest.raises(ValueError, match="`archs` must hold"):
        kind(archs=())


# Each


def test_the_sandwich_is_largest_smallest_and_random():
    archs = Sandwich(num_random=3).draw(SUPERNET, 0, 7)
    assert SPACE.decode(archs[0]) == SPACE.largest
    assert SPACE.decode(archs[1]) == SPACE.smallest


@pytest.mark.parametrize(
    "sampler, first", [(Sandwich(), 2), (RandomSubnets(num_random=2), 0)]
)
def test_every_choice_is_drawn(sampler, first):
    draws = np.concatenate(
        [sampler.draw(SUPERNET, 0, step)[first:] for step in range(100)]
    )
    for column, (_, choices) in zip(draws.T, SPACE.genes, strict=True):
        assert set(column) == set(choices)


def test_a_sandwich_without_random_subnets():
    for sampler in (Sandwich(num_random=0), AttentiveSandwich(num_random=0)):
        assert len(sampler.draw(SUPERNET, 0, 0, refuse)) == 2


def test_the_subnets_of_a_step_have_the_same_resolution():
    sampler = Sandwich(same_resolution=True, num_random=1)
    drawn = np.stack([sampler.draw(SUPERNET, 0, step) for step in range(60)])
    resolutions = drawn[:, :, 0]
    assert (resolutions == resolutions[:, :1]).all()
    assert set(resolutions[:, 0]) == set(SPACE.resolution)
    # The rest is as without.
    other = Sandwich(num_random=1).draw(SUPERNET, 0, 7)
    np.testing.assert_array_equal(drawn[7][:, 1:], other[:, 1:])


def test_mutual_subnets_draw_a_resolution_each():
    with pytest.raises(ValueError, match="`same_resolution` must be False"):
        Sandwich(mutual=True, same_resolution=True)


def test_mutual_draws_the_resolution_of_the_smallest():
    archs = [
        Sandwich(mutual=True).draw(SUPERNET, 0, step) for step in range(60)
    ]
    for draw in archs:
        assert SPACE.decode(draw[0]) == SPACE.largest
        np.testing.assert_array_equal(
            draw[1][1:], SPACE.encode(SPACE.smallest)[1:]
        )
    assert {draw[1][0] for draw in archs} == set(SPACE.resolution)


@pytest.mark.parametrize("prefer, pick", [("best", min), ("worst", max)])
def test_attentive_picks_by_the_losses_in_each_group(prefer, pick):
    sampler = AttentiveSandwich(num_random=3, num_candidates=5, prefer=prefer)
    values = np.random.default_rng(0).permutation(15).astype("float32")
    asked = Asked(lambda archs: values)
    archs = sampler.draw(SUPERNET, 0, 4, asked)
    assert asked.archs.shape == (15, len(SPACE.genes))
    for group, chosen in enumerate(archs[2:]):
        places = range(5 * group, 5 * group + 5)
        place = pick(places, key=lambda i: values[i])
        np.testing.assert_array_equal(chosen, asked.archs[place])


def test_candidates_are_near_a_common_target():
    sampler = AttentiveSandwich(num_random=4, num_candidates=3)
    spread = np.ptp(flops(SPACE.sample_encoded(np.random.default_rng(0), 512)))
    centers = []
    for step in range(20):
        asked = Asked()
        sampler.draw(SUPERNET, 0, step, asked)
        groups = flops(asked.archs).reshape(4, 3)
        # Far out there are few; elsewhere 512 lie close to one another.
        assert np.median(np.ptp(groups, axis=1)) < 0.05 * spread
        centers.extend(groups.mean(axis=1))
    assert np.ptp(centers) > 0.6 * spread


def test_more_candidates_than_are_drawn_usually():
    asked = Asked()
    sampler = AttentiveSandwich(num_random=1, num_candidates=600)
    sampler.draw(SUPERNET, 0, 0, asked)
    assert len(asked.archs) == 600


def test_attentive_on_a_space_of_one_size():
    one = SPACE.keep_largest(
        resolution=1, width=1, depth=1, kernel_size=1, expand_ratio=1
    )
    archs = AttentiveSandwich(space=one).draw(SUPERNET, 0, 0, flops)
    assert np.unique(archs, axis=0).shape[0] == 1


def test_single_repeats_its_architecture():
    archs = Single(SPACE.smallest).draw(SUPERNET, seed=0, step=5)
    assert archs.shape == (1, len(SPACE.genes))
    assert SPACE.decode(archs[0]) == SPACE.smallest


# Apart from the ends

DS = families.get("ds_mobilenet_cifar10", resolution=(16, 32))
DS_SUPERNET = types.SimpleNamespace(space=DS.space, family=DS, classes=10)


@pytest.mark.parametrize("kind", [Sandwich, AttentiveSandwich])
def test_random_subnets_are_apart_from_the_ends(kind):
    # Six choices: five subnets, and the teacher, which is the largest.
    sampler = kind(apart=True)
    drawn = [
        sampler.draw(DS_SUPERNET, 0, step, lambda archs: archs[:, 1])
        for step in range(60)
    ]
    for archs in drawn:
        assert archs[:2].tolist() == [[32, 6], [16, 1]]
    others = np.concatenate(drawn)[:, 1].reshape(60, 4)[:, 2:]
    # Of three candidates the attentive one takes the narrowest.
    most = 5 if kind is Sandwich else 3
    assert set(others.ravel()) == set(range(2, most + 1))
    np.testing.assert_array_equal(
        drawn[7], sampler.draw(DS_SUPERNET, 0, 7, lambda archs: archs[:, 1])
    )


def test_a_list_is_drawn_from_apart_from_the_ends():
    space = DS.space
    ends = (space.largest, space.smallest)
    middle = space.decode([16, 3])
    sampler = Sandwich(apart=True, space=space, archs=(*ends, middle))
    for step in range(9):
        archs = sampler.draw(DS_SUPERNET, 0, step)
        assert archs[2:].tolist() == [[16, 3]] * 2
    with pytest.raises(ValueError, match="With `apart`.*besides"):
        Sandwich(apart=True, space=space, archs=ends)


def test_nothing_is_apart_in_a_space_of_two():
    space = families.get("ds_mobilenet_cifar10", paths=1).space
    with pytest.raises(ValueError, match="With `apart`.*besides"):
        Sandwich(apart=True, space=space)
    assert Sandwich(apart=True, space=space, num_random=0).apart


# Errors


@pytest.mark.parametrize("num_random", [-1, 1.5, None])
@pytest.mark.parametrize("kind", [RandomSubnets, Sandwich, AttentiveSandwich])
def test_a_wrong_number_is_refused(kind, num_random):
    with pytest.raises(ValueError, match="`num_random` must be"):
        kind(num_random=num_random)


def test_random_subnets_need_one_at_least():
    with pytest.raises(ValueError, match="`num_random` must be a positive"):
        RandomSubnets(num_random=0)


def test_wrong_candidates_and_preferences_are_refused():
    with pytest.raises(ValueError, match="`num_candidates` must be a positive"):
        AttentiveSandwich(num_candidates=0)
    with pytest.raises(ValueError, match="`prefer` must be.*'good'"):
        AttentiveSandwich(prefer="good")


def test_arguments_have_names():
    with pytest.raises(TypeError):
        Sandwich(2)


# Fair, and several of one architecture


@pytest.mark.parametrize("count, strict", [(30, True), (7, False)])
def test_fair_subnets_share_out_the_choices(count, strict):
    # Most genes have 2, 3 or 5 choices, which divide 30.
    space = families.get("bignas", resolution=(192, 224)).space
    sampler = RandomSubnets(num_random=count, fair=True, space=space)
    archs = sampler.draw(SUPERNET, 0, 3)
    assert len(archs) == len(sampler.names()) == count
    for column, (_, choices) in zip(archs.T, space.genes, strict=True):
        found = [int((column == choice).sum()) for choice in choices]
        exact = strict and count % len(choices) == 0
        assert max(found) - min(found) <= (0 if exact else 1)
    np.testing.assert_array_equal(archs, sampler.draw(SUPERNET, 0, 3))
    assert not np.array_equal(archs, sampler.draw(SUPERNET, 0, 4))


def test_genes_are_shared_out_apart_from_one_another():
    # The order of one gene must say nothing of that of another.
    drawn = {
        tuple(archs[:, :2].ravel())
        for archs in (
            RandomSubnets(num_random=5, fair=True).draw(SUPERNET, 0, step)
            for step in range(20)
        )
    }
    assert len(drawn) > 15


def test_fair_sampling_needs_a_turn_for_each_choice():
    with pytest.raises(ValueError, match="`num_random` must be 5 at least"):
        RandomSubnets(num_random=4, fair=True, space=SPACE)
    with pytest.raises(ValueError, match="`num_random` must be 5 at least"):
        RandomSubnets(num_random=4, fair=True).draw(SUPERNET, 0, 0)
    with pytest.raises(ValueError, match="`archs` must be None with `fair`"):
        RandomSubnets(num_random=5, fair=True, archs=LIST)


def test_a_single_path_draws_each_gene_uniformly():
    sampler = RandomSubnets(num_random=1)
    draws = np.concatenate(
        [sampler.draw(SUPERNET, 0, step) for step in range(2000)]
    )
    for column, (_, choices) in zip(draws.T, SPACE.genes, strict=True):
        share = 2000 / len(choices)
        for choice in choices:
            assert abs((column == choice).sum() - share) < 5 * share**0.5


def test_an_arbitrary_pair():
    sampler = Single(SPACE.largest, (LIST[3],))
    assert sampler.names() == ("subnet", "student_1")
    archs = sampler.draw(SUPERNET, 0, 9)
    assert [SPACE.decode(row) for row in archs] == [SPACE.largest, LIST[3]]
    outside = families.get("bignas_digits").space.smallest
    with pytest.raises(ValueError, match="of another family"):
        Single(SPACE.largest, (outside,)).draw(SUPERNET, 0, 0)
    with pytest.raises(ValueError, match="`students` must be"):
        Single(SPACE.largest, ("largest",))


# Orders and resolutions of a sandwich


def test_the_largest_may_draw_its_resolution_too():
    sampler = Sandwich(mutual=True, largest_too=True)
    drawn = [sampler.draw(SUPERNET, 0, step) for step in range(60)]
    for place in range(4):
        assert {a[place][0] for a in drawn} == set(SPACE.resolution)
    for draw in drawn:
        np.testing.assert_array_equal(
            draw[0][1:], SPACE.encode(SPACE.largest)[1:]
        )
    with pytest.raises(ValueError, match="`largest_too` must be False"):
        Sandwich(largest_too=True)


@pytest.mark.parametrize("kind", [Sandwich, AttentiveSandwich])
def test_the_smallest_may_come_last(kind):
    sampler = kind(smallest_last=True)
    assert sampler.names() == ("largest", "random_1", "random_2", "smallest")
    archs = sampler.draw(SUPERNET, 0, 5, flops)
    usual = kind().draw(SUPERNET, 0, 5, flops)
    np.testing.assert_array_equal(archs, usual[[0, 2, 3, 1]])

"""Hypothesis strategies for families and architectures."""

import hypothesis
from hypothesis import strategies as st

from keras_elastic import families
from keras_elastic.families.efficientnet import EfficientNet
from keras_elastic.families.efficientnet import Stage

NAMES = ("bignas", "attentivenas", "bignas_digits")

# Time is no property of these tests: the machine may be busy.
quick = hypothesis.settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)


def choices(*values):
    """Some of the values, in increasing order."""
    chosen = st.lists(st.sampled_from(values), min_size=1, unique=True)
    return chosen.map(sorted).map(tuple)


def stages():
    return st.builds(
        Stage,
        width=choices(16, 20, 24, 32),
        depth=choices(1, 2, 3),
        kernel_size=choices(3, 5, 7),
        expand_ratio=choices(1, 4, 6),
        strides=st.sampled_from((1, 2)),
        squeeze_excite=st.booleans(),
    )


def small_families(transition_shortcuts=None):
    shortcuts = st.booleans()
    if transition_shortcuts is not None:
        shortcuts = st.just(transition_shortcuts)
    return st.builds(
        EfficientNet,
        name=st.just("small"),
        resolution=choices(8, 9, 12, 15),
        stem=choices(16, 24, 32),
        stages=st.lists(stages(), min_size=1, max_size=3).map(tuple),
        head=choices(32, 48),
        stem_strides=st.sampled_from((1, 2)),
        attentive=st.booleans(),
        transition_shortcuts=shortcuts,
    )


def published_families():
    return st.sampled_from([families.get(name) for name in NAMES])


def all_families():
    return published_families() | small_families()


def architectures(space):
    genes = [st.sampled_from(choices) for _, choices in space.genes]
    return st.tuples(*genes).map(space.decode)


@st.composite
def families_and_architectures(draw, of=None):
    """Pairs of a family and an architecture of its space."""
    family = draw(all_families() if of is None else of)
    return family, draw(architectures(family.space))


def spaces():
    return all_families().map(lambda family: family.space)


def spaces_and_architectures():
    """Pairs of a space and an architecture of it."""
    pairs = families_and_architectures()
    return pairs.map(lambda pair: (pair[0].space, pair[1]))

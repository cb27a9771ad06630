"""Architectures, search spaces, plans and their costs. NumPy only."""

import typing

from keras_elastic import lazy

if typing.TYPE_CHECKING:
    from keras_elastic.spaces.architecture import Architecture as Architecture
    from keras_elastic.spaces.architecture import Genes as Genes
    from keras_elastic.spaces.arithmetic import ceil_divide as ceil_divide
    from keras_elastic.spaces.arithmetic import round_channels as round_channels
    from keras_elastic.spaces.arithmetic import where as where
    from keras_elastic.spaces.costs import Costs as Costs
    from keras_elastic.spaces.costs import costs as costs
    from keras_elastic.spaces.genes import GeneTable as GeneTable
    from keras_elastic.spaces.plan import Plan as Plan
    from keras_elastic.spaces.plan_builder import PlanBuilder as PlanBuilder
    from keras_elastic.spaces.search_space import SearchSpace as SearchSpace
    from keras_elastic.spaces.skeletons import skeletons as skeletons

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "architecture": ["Architecture", "Genes"],
        "arithmetic": ["ceil_divide", "round_channels", "where"],
        "costs": ["Costs", "costs"],
        "genes": ["GeneTable"],
        "plan": ["Plan"],
        "plan_builder": ["PlanBuilder"],
        "search_space": ["SearchSpace"],
        "skeletons": ["skeletons"],
    },
)

"""Architectures, search spaces, plans and their costs. NumPy only."""

from keras_elastic import lazy

__getattr__, __dir__, __all__ = lazy.attach(
    __name__,
    {
        "architecture": ["Architecture", "Genes"],
        "arithmetic": ["ceil_divide", "round_channels", "where"],
        "costs": ["Costs", "costs"],
        "genes": ["GeneTable"],
        "plan": ["Plan", "PlanBuilder"],
        "search_space": ["SearchSpace"],
        "skeletons": ["skeletons"],
    },
)

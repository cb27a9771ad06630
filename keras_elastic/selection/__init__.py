"""Selecting architectures under a budget."""

from keras_elastic.selection.budget import Budget as Budget
from keras_elastic.selection.coarse_to_fine import CoarseToFine as CoarseToFine
from keras_elastic.selection.coarse_to_fine import Selection as Selection
from keras_elastic.selection.coarse_to_fine import skeletons as skeletons
from keras_elastic.selection.front import Front as Front
from keras_elastic.selection.front import FrontRow as FrontRow
from keras_elastic.selection.pareto import pareto_front as pareto_front
from keras_elastic.selection.scoring import Score as Score
from keras_elastic.selection.scoring import Scorer as Scorer

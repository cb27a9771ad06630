"""Readers of a plan that make models."""

from keras_elastic.models.basisnet import BasisNet as BasisNet
from keras_elastic.models.basisnet_children import (
    basisnet_from_supernet as basisnet_from_supernet,
)
from keras_elastic.models.basisnet_children import (
    extract_specialist as extract_specialist,
)
from keras_elastic.models.basisnet_condconv import CondConvNet as CondConvNet
from keras_elastic.models.basisnet_costs import BasisNetCosts as BasisNetCosts
from keras_elastic.models.basisnet_costs import basisnet_costs as basisnet_costs
from keras_elastic.models.basisnet_costs import condconv_costs as condconv_costs
from keras_elastic.models.build import build as build
from keras_elastic.models.child import build_child as build_child
from keras_elastic.models.converting.elastic import elastic as elastic
from keras_elastic.models.decoding import (
    decode_predictions as decode_predictions,
)
from keras_elastic.models.dsnet import DSNet as DSNet
from keras_elastic.models.dsnet_report import DSNetReport as DSNetReport
from keras_elastic.models.dsnet_report import report as report
from keras_elastic.models.pyramid import feature_pyramid as feature_pyramid
from keras_elastic.models.sorting import sort_channels as sort_channels
from keras_elastic.models.supernet import Supernet as Supernet

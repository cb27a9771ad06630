"""The zoo: networks by name and budget, and the folders that hold them."""

from keras_elastic.zoo.entry import Entry as Entry
from keras_elastic.zoo.entry import write_entry as write_entry
from keras_elastic.zoo.entry import write_model as write_model
from keras_elastic.zoo.evaluation import (
    check_same_classes as check_same_classes,
)
from keras_elastic.zoo.evaluation import make_scorer as make_scorer
from keras_elastic.zoo.evaluation import test_batches as test_batches
from keras_elastic.zoo.loading import find_entry as find_entry
from keras_elastic.zoo.loading import list_models as list_models
from keras_elastic.zoo.loading import load as load
from keras_elastic.zoo.loading import load_supernet as load_supernet
from keras_elastic.zoo.loading import recipe_file as recipe_file
from keras_elastic.zoo.loading import select as select
from keras_elastic.zoo.loading import zoo_folder as zoo_folder

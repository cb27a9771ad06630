"""Ways out of Keras: formats that run a child where it is needed."""

# Not lazy: the module has the name of the function, and would replace it.
from keras_elastic.export.saved_model import next_version as next_version
from keras_elastic.export.saved_model import saved_model as saved_model

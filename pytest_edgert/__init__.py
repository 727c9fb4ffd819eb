"""pytest-edgert: the referee between a model file and the silicon it will run on."""

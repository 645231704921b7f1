"""Instances from the lists of clouds: a module a cloud, and a plan that is the same for all."""

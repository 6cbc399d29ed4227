"""The model version that ships with the package: one folder a version, see `model.registry.SHIPPED`."""

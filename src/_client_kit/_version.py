"""The version of the distribution, from which the build takes it."""

__all__ = ["__version__"]

__version__ = "0.1.0"

"""The version of this package, in one place for the manifest and for the package's metadata."""

__version__ = "0.1.0"

"""The contract between CLM's operator, trainer and command line."""

GROUP = "clm.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

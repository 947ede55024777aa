"""The soak tests run in the sample cluster, as the cluster tests do."""

from tests.cluster.conftest import image

__all__ = ["image"]

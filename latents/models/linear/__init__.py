"""Models that are one matrix: PCA, probabilistic PCA and factor analysis."""

from .gaussian import PPCA, FactorAnalysis
from .pca import PCA

__all__ = ["PCA", "PPCA", "FactorAnalysis"]

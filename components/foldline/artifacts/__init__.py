"""The on-disk contract of every artifact: one small class each that writes, reads and checks it."""

from foldline.artifacts.dataset import Column, Dataset
from foldline.artifacts.decision import Decision
from foldline.artifacts.folds import Assignment, Folds
from foldline.artifacts.model import Model
from foldline.artifacts.predictions import Predictions
from foldline.artifacts.signature import RawColumn
from foldline.artifacts.task import Task
from foldline.artifacts.transform import CategoricalFeature, Layout, Transform

__all__ = [
    "Assignment",
    "CategoricalFeature",
    "Column",
    "Dataset",
    "Decision",
    "Folds",
    "Layout",
    "Model",
    "Predictions",
    "RawColumn",
    "Task",
    "Transform",
]

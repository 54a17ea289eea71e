"""One interface for scikit-learn's estimators: what makes one, how it sees features, how it is fitted and scored."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR

from foldline.artifacts import Layout, Task
from foldline.evaluation.metrics import score
from foldline.training.spot_check.designs import Design
from foldline.training.spot_check.problem import Problem, Score

TREES = 100
MOST_STEPS = 300
# More values than this, and histogram gradient boosting cannot split a category into sets of values.
MOST_SPLIT_VALUES = 255
CALIBRATION_PARTS = 3


@dataclass(frozen=True)
class Facts:
    """What an estimator may depend on: the task, the features, its training rows, the seed, the threads it may use."""

    task: Task
    layout: Layout
    rows: int
    seed: int
    threads: int


Make = Callable[[Facts], Any]


def fit_fold(problem: Problem, index: int, make: Make, design: Design, sampled: bool, threads: int) -> list[Score]:
    """Fit an estimator on the training rows of a fold, and score it on the fold's own rows."""
    rows = problem.sample(index) if sampled else problem.training(index)
    scored = problem.validation(index)
    features, label = problem.features(), problem.label()
    seen, unseen = design(
        problem.layout,
        {name: values[rows] for name, values in features.items()},
        {name: values[scored] for name, values in features.items()},
    )
    wanted = label[rows].astype(np.int64) if problem.task.is_classification else label[rows]
    estimator = make(Facts(problem.task, problem.layout, len(rows), problem.seed, threads))
    started = time.monotonic()
    with warnings.catch_warnings():
        # One that has not converged is scored as it is: that is what a user of these settings would have.
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(seen, wanted)
    seconds = time.monotonic() - started
    prediction = problem.in_units(index, _predict(problem.task, estimator, unseen))
    return [Score(score(problem.task, problem.in_units(index, label[scored]), prediction), len(rows), seconds)]


def _predict(task: Task, estimator: Any, features: Any) -> NDArray[np.float32]:
    if not task.is_classification:
        return np.asarray(estimator.predict(features), dtype=np.float32)[:, None]
    probability = np.asarray(estimator.predict_proba(features), dtype=np.float32)
    return probability[:, 1:] if task.kind == "binary" else probability


def dummy(facts: Facts, constant: str) -> Any:
    """The shares of the classes, or the `mean` or `median` of the label, for every row."""
    return DummyClassifier(strategy="prior") if facts.task.is_classification else DummyRegressor(strategy=constant)


def linear(facts: Facts, penalty: float) -> Any:
    """Logistic or ridge regression; `penalty` is of the squared weights, beside the mean loss of a row."""
    if facts.task.is_classification:
        return LogisticRegression(C=1.0 / (penalty * facts.rows), max_iter=MOST_STEPS)
    return Ridge(alpha=penalty * facts.rows)


def forest(facts: Facts, leaf: int, extra: bool) -> Any:
    """A random forest (Breiman, "Random forests", Machine Learning 2001), or extremely randomised trees (Geurts, Ernst
    and Wehenkel, Machine Learning 2006), with at least `leaf` rows a leaf."""
    classifier, regressor = (
        (ExtraTreesClassifier, ExtraTreesRegressor) if extra else (RandomForestClassifier, RandomForestRegressor)
    )
    common = {"n_estimators": TREES, "min_samples_leaf": leaf, "random_state": facts.seed, "n_jobs": facts.threads}
    if facts.task.is_classification:
        return classifier(max_features="sqrt", **common)
    return regressor(max_features=1 / 3, **common)


def boosting(facts: Facts, leaves: int, rate: float, rounds: int) -> Any:
    """Histogram gradient boosting; beyond 10 000 rows it stops early, on a tenth of its own training rows."""
    split = [
        len(facts.layout.numeric) + index
        for index, feature in enumerate(facts.layout.categorical)
        if feature.capacity <= MOST_SPLIT_VALUES
    ]
    kind = HistGradientBoostingClassifier if facts.task.is_classification else HistGradientBoostingRegressor
    return kind(
        max_leaf_nodes=leaves,
        learning_rate=rate,
        max_iter=rounds,
        categorical_features=split or None,
        random_state=facts.seed,
    )


def neighbours(facts: Facts, count: int, weights: str) -> Any:
    """The `count` nearest rows, all of them where there are fewer."""
    kind = KNeighborsClassifier if facts.task.is_classification else KNeighborsRegressor
    return kind(min(count, facts.rows), weights=weights, n_jobs=facts.threads)


def support_vectors(facts: Facts, cost: float) -> Any:
    """A support vector machine with a Gaussian kernel; probabilities by Platt's method on three parts of its rows."""
    if not facts.task.is_classification:
        return SVR(C=cost)
    parts = StratifiedKFold(CALIBRATION_PARTS, shuffle=True, random_state=facts.seed)
    return CalibratedClassifierCV(SVC(C=cost), cv=parts, ensemble=False)

"""OptunaSearchCV around a Keras model: rows, trials, epochs, folder of the model's module."""

import json
import os
import sys
import warnings

os.environ["KERAS_BACKEND"] = "jax"
rows, trials, epochs, modules = sys.argv[1:]
sys.path.insert(0, modules)
warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import optuna  # noqa: E402
from optuna.distributions import FloatDistribution  # noqa: E402
from optuna_integration import OptunaSearchCV  # noqa: E402
from search_model import DROPOUTS, RATES  # noqa: E402
from search_perceptron import Perceptron  # noqa: E402
from sklearn.model_selection import KFold  # noqa: E402

with np.load(rows) as stored:
    features, label = stored["features"], stored["label"]
optuna.logging.set_verbosity(optuna.logging.WARNING)
search = OptunaSearchCV(
    Perceptron(epochs=int(epochs)),
    {"learning_rate": FloatDistribution(*RATES, log=True), "dropout": FloatDistribution(*DROPOUTS)},
    cv=KFold(5, shuffle=True, random_state=0),
    n_trials=int(trials),
    random_state=0,
    refit=False,
    error_score="raise",
)
search.fit(features, label)
print(json.dumps({"best": -search.best_score_, "fits": int(trials) * 5}))

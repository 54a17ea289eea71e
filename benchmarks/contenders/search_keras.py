"""A search that calls Keras' own `fit` for one trial and one fold after the other: rows, trials, epochs."""

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "jax"

import numpy as np
import optuna
from search_model import DROPOUTS, RATES
from search_perceptron import Perceptron
from sklearn.model_selection import KFold

rows, trials, epochs = sys.argv[1:]
with np.load(rows) as stored:
    features, label = stored["features"], stored["label"]
splits = list(KFold(5, shuffle=True, random_state=0).split(features))


def objective(trial: optuna.Trial) -> float:
    rate = trial.suggest_float("learning_rate", *RATES, log=True)
    dropout = trial.suggest_float("dropout", *DROPOUTS)
    losses = []
    for seen, own in splits:
        model = Perceptron(learning_rate=rate, dropout=dropout, epochs=int(epochs)).fit(features[seen], label[seen])
        losses.append(-model.score(features[own], label[own]))
    return float(np.mean(losses))


optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, multivariate=False))
study.optimize(objective, n_trials=int(trials))
print(json.dumps({"best": study.best_value, "fits": int(trials) * len(splits)}))

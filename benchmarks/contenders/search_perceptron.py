"""The model of the search benchmark as an estimator of scikit-learn."""

from typing import Any, Self

import keras
import numpy as np
from search_model import BATCH, WIDTH
from sklearn.base import BaseEstimator, RegressorMixin


class Perceptron(RegressorMixin, BaseEstimator):
    """A regression by Keras, its inputs and its label standardised; stops early on a tenth of the rows."""

    def __init__(self, learning_rate: float = 0.001, dropout: float = 0.1, epochs: int = 10) -> None:
        self.learning_rate, self.dropout, self.epochs = learning_rate, dropout, epochs

    def fit(self, features: np.ndarray, label: np.ndarray) -> Self:
        keras.utils.set_random_seed(0)
        self.mean_, self.sd_ = features.mean(axis=0), features.std(axis=0)
        self.label_mean_, self.label_sd_ = label.mean(), label.std()
        layers: list[Any] = [keras.Input((features.shape[1],))]
        for _ in range(2):
            layers += [keras.layers.Dense(WIDTH, activation="relu"), keras.layers.Dropout(self.dropout)]
        self.model_ = keras.Sequential([*layers, keras.layers.Dense(1)])
        self.model_.compile(keras.optimizers.Adam(self.learning_rate), "mse")
        self.model_.fit(
            (features - self.mean_) / self.sd_, (label - self.label_mean_) / self.label_sd_, batch_size=BATCH,
            epochs=self.epochs, validation_split=0.1, verbose=0,
            callbacks=[keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)],
        )  # fmt: skip
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        found = self.model_.predict((features - self.mean_) / self.sd_, batch_size=4096, verbose=0)[:, 0]
        return found * self.label_sd_ + self.label_mean_

    def score(self, features: np.ndarray, label: np.ndarray) -> float:
        """The root of the mean squared error, negative: more is better."""
        return -float(np.sqrt(np.mean((self.predict(features) - label) ** 2)))

"""What the models of a stack are made by, and their values before the first step."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from foldline.errors import ArgumentError
from foldline.training.fitting.optimizer import ELEMENTWISE, RATE, make_optimizer
from foldline.training.fitting.orders import seed_of
from foldline.training.fitting.settings import FLOAT32, Fitting
from foldline.training.fitting.state import State, Variables
from foldline.training.fitting.weights_file import WHERE


class Blueprint:
    """A model, its optimiser and the model that is applied, as every program of a stack traces them.

    Args:
        make_model: gives a new model, the same architecture at each call; its initial weights depend on Python's and
            NumPy's global random state.
        learning_rate: of the optimiser, or where its schedule begins.
        training_steps: steps of the whole training, for a schedule.

    Attributes:
        model, optimizer: the last ones that `states` made.
        applied: the same model, computing as serving does.
        flat: whether the optimiser sees each trainable variable as one row of numbers. Steps of a table of embeddings
            take XLA a fifth of the time in that shape, as its loops are then as long as the variable.
    """

    def __init__(
        self,
        make_model: Callable[[], keras.Model],
        *,
        learning_rate: float,
        seed: int,
        fitting: Fitting,
        training_steps: int,
    ) -> None:
        self._make_model, self._seed = make_model, seed
        self.fitting, self.training_steps = fitting, training_steps
        self._learning_rate = learning_rate

    def states(self, folds: Sequence[int]) -> State:
        """The models of `folds` and their optimisers before the first step; the numbers and the seed determine them.

        To be traced: run as it is, an initialiser would compile a program for each shape.
        """
        made: dict[int, State] = {}
        for fold in dict.fromkeys(folds):
            number = int(seed_of(self._seed, fold).generate_state(1)[0])
            # What keras.utils.set_random_seed does, less its import of TensorFlow.
            random.seed(number)
            np.random.seed(number)
            self.model = self._built(self.fitting.precision)
            self.optimizer = make_optimizer(self.fitting, self._learning_rate, self.training_steps)
            own = self.model.trainable_variables
            name = self.fitting.optimizer.name.lower()
            self.flat = name in ELEMENTWISE and all(variable.constraint is None for variable in own)
            self.optimizer.build([_flattened(variable) for variable in own] if self.flat else own)
            values = Variables(
                [variable.value for variable in own],
                [variable.value for variable in self.model.non_trainable_variables],
            )
            made[fold] = State(values, [variable.value for variable in self.optimizer.variables])
        self.applied = self.model if self.fitting.precision == FLOAT32 else self._built(FLOAT32)
        stacked: State = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[made[fold] for fold in folds])
        return stacked

    def variable_names(self) -> tuple[list[str], list[str]]:
        """Names of the trainable and of the other variables, in the order of `Variables`."""
        return (
            [variable.name for variable in self.model.trainable_variables],
            [variable.name for variable in self.model.non_trainable_variables],
        )

    def begun(self, state: State, values: Mapping[str, NDArray[np.float32]]) -> State:
        """`state` with other initial values.

        Args:
            values: for the path of a trainable variable the last columns of its value; first axis K.
        """
        trainable = list(state.variables.trainable)
        paths = [variable.path for variable in self.model.trainable_variables]
        for path, value in values.items():
            index = paths.index(path)
            trainable[index] = trainable[index].at[..., -value.shape[-1] :].set(value)
        return State(Variables(trainable, state.variables.non_trainable), state.optimizer)

    def loaded(self, state: State, weights_file: str) -> State:
        """`state` with the variables of every model as in a Keras weights file (.weights.h5).

        Raises:
            ArgumentError: the file holds no weights of this model.
        """
        model = self._built(FLOAT32)
        try:
            model.load_weights(weights_file)
        except (ValueError, KeyError, OSError) as fault:
            said = (str(fault).strip().splitlines() or [type(fault).__name__])[0]
            raise ArgumentError(WHERE, expected="weights of the model that is trained", got=said) from fault

        def filled(before: Any, variable: Any) -> Any:
            return jnp.broadcast_to(jnp.asarray(variable.value, before.dtype), before.shape)

        variables = Variables(
            list(map(filled, state.variables.trainable, model.trainable_variables)),
            [
                before if variable.name == "seed_generator_state" else filled(before, variable)
                for before, variable in zip(state.variables.non_trainable, model.non_trainable_variables, strict=True)
            ],
        )
        return State(variables, state.optimizer)

    def learning_rates(self, state: State) -> Any:
        """The learning rate of each model, shape (K,); None where a schedule gives it."""
        index = self._rate_index()
        return None if index is None else state.optimizer[index]

    def with_learning_rates(self, state: State, rates: Any) -> State:
        """`state` with other learning rates: one, or one for each model."""
        index = self._rate_index()
        assert index is not None
        optimizer = list(state.optimizer)
        optimizer[index] = jnp.broadcast_to(jnp.asarray(rates, optimizer[index].dtype), optimizer[index].shape)
        return State(state.variables, optimizer)

    def _built(self, precision: str) -> keras.Model:
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(precision)
        try:
            return self._make_model()
        finally:
            keras.config.set_dtype_policy(before)

    def _rate_index(self) -> int | None:
        names = [variable.name for variable in self.optimizer.variables]
        return names.index(RATE) if RATE in names else None


def _flattened(variable: keras.Variable) -> keras.Variable:
    return keras.Variable(variable.value.reshape(-1), dtype=variable.dtype, name=variable.name)

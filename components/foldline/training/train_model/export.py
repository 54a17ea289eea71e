"""Export under TensorFlow, in a process of its own: `python -m foldline.training.train_model.export FOLDER`.

Keras has one backend a process; training has JAX. The model is built again and takes the trained weights.
"""

import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from foldline import errors
from foldline.artifacts import Layout, RawColumn, Task
from foldline.artifacts.seal import read_json, write_json
from foldline.artifacts.tensor_names import tensor_names
from foldline.errors import ModelCodeError, TrainingError
from foldline.training.backend import use_backend

# Variables that only training has: their values differ between backends and no prediction depends on them.
TRAINING_ONLY = "seed_generator_state"
REQUEST = "request.json"
WEIGHTS = "weights.npz"
LOG = "log.txt"
GO = b"export\n"
FAULT = "fault.json"


@dataclass(frozen=True)
class Request:
    """What is exported.

    Attributes:
        model, model_code, hyperparameters: what builds the model.
        transform: folder of the final transform.
        label_mean, label_sd: what the label was standardised by.
        saved_model: folder to write.
    """

    model: str
    model_code: str
    hyperparameters: dict[str, Any]
    layout: Layout
    task: Task
    signature: tuple[RawColumn, ...]
    transform: str
    label_mean: float
    label_sd: float
    saved_model: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        return cls(
            **{
                **content,
                "layout": Layout.from_json(content["layout"]),
                "task": Task.from_json(content["task"]),
                "signature": tuple(RawColumn(**column) for column in content["signature"]),
            }
        )


class ExportProcess:
    """A child process that imports TensorFlow while its parent trains, then exports; it ends with the `with` block."""

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="export-")
        self._scratch = Path(self._folder.name)
        command = [sys.executable, "-m", "foldline.training.train_model.export", str(self._scratch)]
        with (self._scratch / LOG).open("wb") as log:
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        return self

    def __exit__(self, *fault: object) -> None:
        self._child.kill()
        self._child.communicate()
        self._folder.cleanup()

    def export(self, request: Request, weights: list[tuple[str, NDArray[Any]]]) -> None:
        """Write the SavedModel of `request`, once.

        Args:
            weights: name and value of each variable, trainable ones first, in the model's order.

        Raises:
            ModelCodeError: under TensorFlow the model code gives another model.
            TrainingError: the child process failed otherwise.
        """
        write_json(self._scratch / REQUEST, request.to_json())
        named = {f"{index:04}:{name}": value for index, (name, value) in enumerate(weights)}
        np.savez(self._scratch / WEIGHTS, allow_pickle=False, **named)
        self._child.communicate(GO)
        if (self._scratch / FAULT).exists():
            fault = read_json(self._scratch / FAULT)
            raise getattr(errors, fault.pop("kind"))(fault.pop("what"), **fault)
        if self._child.returncode:
            log = (self._scratch / LOG).read_text(errors="replace").strip() or "no message"
            print(log, file=sys.stderr, flush=True)
            got = f"{self._child.returncode}: {log.splitlines()[-1]}"
            raise TrainingError("export process", expected="exit status 0", got=got)


def read_weights(path: Path) -> list[tuple[str, NDArray[Any]]]:
    """Name and value of each variable in the file, in their order; nothing in it is executed."""
    with np.load(path, allow_pickle=False) as stored:
        return [(key.split(":", 1)[1], stored[key]) for key in sorted(stored.files)]


def write_saved_model(request: Request, weights: list[tuple[str, NDArray[Any]]]) -> None:
    """Build the model under TensorFlow, give it the weights, and write it behind its transform."""
    import tensorflow as tf

    from foldline.features.apply import AppliedTransform
    from foldline.training.model_code import arguments, load_build_model, make_model

    build = load_build_model(request.model, request.model_code)
    model = make_model(build, request.hyperparameters, request.layout, request.task)
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    found = [(variable.name, tuple(variable.shape)) for variable in variables if variable.name != TRAINING_ONLY]
    wanted = [(name, value.shape) for name, value in weights if name != TRAINING_ONLY]
    if found != wanted:
        raise ModelCodeError(
            "variables of the model under TensorFlow",
            expected=f"those of training: {wanted}",
            got=f"{found}",
            fix="build_model must give the same model at each call and on each backend.",
        )
    values = iter(value for name, value in weights if name != TRAINING_ONLY)
    for variable in variables:
        if variable.name != TRAINING_ONLY:
            variable.assign(next(values))

    names = tensor_names([column.name for column in request.signature])
    specs = {
        names[column.name]: tf.TensorSpec([None], column.tensor_dtype, name=names[column.name])
        for column in request.signature
    }
    widths = {"numeric": len(request.layout.numeric), "categorical": len(request.layout.categorical)}
    served = tf.Module()
    served.transform = AppliedTransform.load(Path(request.transform)).loaded
    served.model_variables = [variable.value for variable in model.variables]

    @tf.function(input_signature=[specs])  # type: ignore[untyped-decorator]
    def serve(raw: dict[str, Any]) -> dict[str, Any]:
        features = served.transform.transform_fn({column: raw[name] for column, name in names.items()})
        shaped = {name: tf.ensure_shape(values, [None, widths[name]]) for name, values in features.items()}
        prediction = tf.cast(model(arguments(model, shaped), training=False), tf.float32)
        return {"predictions": prediction * request.label_sd + request.label_mean}

    served.serve = serve
    signatures = {"serving_default": serve.get_concrete_function()}
    tf.saved_model.save(served, request.saved_model, signatures=signatures)


def main() -> int:
    folder = Path(sys.argv[1])
    use_backend("tensorflow")
    import foldline.training.model_code  # noqa: F401  (Keras and TensorFlow, while the parent trains)

    if sys.stdin.buffer.readline() != GO:
        return 0
    try:
        write_saved_model(Request.from_json(read_json(folder / REQUEST)), read_weights(folder / WEIGHTS))
    except errors.FoldlineError as fault:
        content = {"kind": type(fault).__name__, "what": fault.what, "expected": fault.expected, "got": fault.got}
        write_json(folder / FAULT, {**content, "fix": fault.fix})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The one family of errors that Foldline raises for faults a person can mend."""


class FoldlineError(Exception):
    """A fault with its cure: what is wrong, what was expected, what came, what to do.

    Args:
        what: the argument, column, file or object (`kind/name`) that is at fault.
        expected: what would have been right.
        got: what was found instead.
        fix: what the person can do; may be empty where expectation says it all.
    """

    def __init__(self, what: str, *, expected: str, got: str, fix: str = "") -> None:
        self.what, self.expected, self.got, self.fix = what, expected, got, fix
        message = f"{what}: expected {expected}, got {got.removesuffix('.')}."
        super().__init__(f"{message} {fix}".rstrip().replace("\n", " "))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.expected, self.got, self.fix)


def _rebuild(kind: type[FoldlineError], what: str, expected: str, got: str, fix: str) -> FoldlineError:
    return kind(what, expected=expected, got=got, fix=fix)


class ArgumentError(FoldlineError):
    """A parameter has a value that it cannot have."""


class DataError(FoldlineError):
    """A table, or a column of it, is not what the step needs."""


class ArtifactError(FoldlineError):
    """A stored artifact is torn, edited, or of another kind or version."""


class ModelCodeError(FoldlineError):
    """The user's model code cannot be found or does not return a usable model."""


class TrainingError(FoldlineError):
    """Training went wrong: a loss that is not finite, a fold that cannot be trained."""


class ParityError(FoldlineError):
    """The exported model does not give the predictions of the trained one."""


class ComparisonError(FoldlineError):
    """Champion and challenger cannot be compared fairly."""


class StoreError(FoldlineError):
    """The model store cannot be read or written."""


class ServingError(FoldlineError):
    """A model server did not start, answer, or answer rightly."""


class ClusterError(FoldlineError):
    """The Kubernetes API refuses a request or does not answer, or an object is not what was waited for."""


class ImageEnvironmentError(FoldlineError):
    """This machine cannot make the environment of an image."""


class RunError(FoldlineError):
    """A run cannot start or did not end well."""

"""Transform: a TensorFlow graph for each fold and one for all training rows, raw columns in, dense features out."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from foldline.artifacts.seal import open_sealed, read_json, seal, write_json
from foldline.artifacts.signature import RawColumn
from foldline.errors import ArtifactError

FORM = "foldline.transform/1"
MANIFEST = "transform.json"
LAYOUT = "layout.json"
SPECIFICATION = "specification.json"
FINAL = "final"


@dataclass(frozen=True)
class CategoricalFeature:
    """A column of the output `categorical`: indices in [0, capacity), the same capacity in every fold."""

    name: str
    capacity: int


@dataclass(frozen=True)
class Layout:
    """What a graph gives for n raw rows: `numeric`, float32 of shape (n, len(numeric)), and `categorical`, int32 of
    shape (n, len(categorical)). An output without columns is left out. The same for every fold: a feature that a fold
    has no values for is zeros there.

    Attributes:
        numeric: name of each column of `numeric`.
        categorical: name and capacity of each column of `categorical`.
    """

    numeric: tuple[str, ...]
    categorical: tuple[CategoricalFeature, ...]

    def to_json(self) -> dict[str, Any]:
        return {"numeric": list(self.numeric), "categorical": [asdict(feature) for feature in self.categorical]}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        return cls(tuple(content["numeric"]), tuple(CategoricalFeature(**item) for item in content["categorical"]))


@dataclass(frozen=True)
class Transform:
    """The fitted transforms of one dataset and its folds.

    Each of the folders `fold-<k>` and `final` holds `transform_fn` (SavedModel) and `transformed_metadata`, which
    `tft.TFTransformOutput` reads.

    Attributes:
        signature: the raw columns that the graphs take.
        folds_digest: seal of the folds that they were fitted on.
        specification: the feature specification that they were made from.
    """

    path: Path
    dataset_digest: str
    folds_digest: str
    signature: tuple[RawColumn, ...]
    layout: Layout
    specification: dict[str, Any]
    folds: tuple[int, ...]
    digest: str = ""

    @classmethod
    def seal(
        cls,
        path: Path,
        *,
        dataset_digest: str,
        folds_digest: str,
        signature: Sequence[RawColumn],
        layout: Layout,
        specification: dict[str, Any],
        folds: Sequence[int],
    ) -> Self:
        """Complete the artifact at `path`, whose folders `fold-<k>` and `final` are already written."""
        write_json(path / LAYOUT, layout.to_json())
        write_json(path / SPECIFICATION, specification)
        content = {
            "dataset_digest": dataset_digest,
            "folds_digest": folds_digest,
            "signature": [asdict(column) for column in signature],
            "folds": list(folds),
        }
        seal(path, MANIFEST, FORM, content)
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The transform at `path`.

        Raises:
            ArtifactError: it is torn, edited, or no transform.
        """
        manifest = open_sealed(path, MANIFEST, FORM)
        return cls(
            path=path,
            dataset_digest=manifest["dataset_digest"],
            folds_digest=manifest["folds_digest"],
            signature=tuple(RawColumn(**column) for column in manifest["signature"]),
            layout=Layout.from_json(read_json(path / LAYOUT)),
            specification=read_json(path / SPECIFICATION),
            folds=tuple(manifest["folds"]),
            digest=manifest["seal"],
        )

    def fold_folder(self, fold: int) -> Path:
        """Folder of the transform that was fitted without `fold`."""
        if fold not in self.folds:
            raise ArtifactError(
                f"transform {self.path}", expected=f"one of the folds {list(self.folds)}", got=str(fold)
            )
        return self.path / f"fold-{fold}"

    @property
    def final_folder(self) -> Path:
        """Folder of the transform that was fitted on all training rows."""
        return self.path / FINAL

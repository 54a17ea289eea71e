"""Weeks as Parquet files, judged by evidently's preset for drift with its default rules; prints JSON.

Argument: a folder with `reference.parquet` and `week-*.parquet`.
"""

import json
import sys
from pathlib import Path

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset


def main() -> None:
    folder = Path(sys.argv[1])
    reference = pd.read_parquet(folder / "reference.parquet")
    numbers = [name for name in reference if pd.api.types.is_numeric_dtype(reference[name])]
    others = [name for name in reference if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=others)
    known = Dataset.from_pandas(reference, data_definition=definition)
    found = []
    for file in sorted(folder.glob("week-*.parquet")):
        window = Dataset.from_pandas(pd.read_parquet(file), data_definition=definition)
        metrics = Report([DataDriftPreset()]).run(window, known).dict()["metrics"]
        counted = next(one for one in metrics if one["metric_name"].startswith("DriftedColumnsCount"))
        found.append(
            {
                "week": file.stem,
                "columns": int(counted["value"]["count"]),
                "dataset": counted["value"]["share"] >= counted["config"]["drift_share"],
            }
        )
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Feature specifications, right and wrong ones, of a small table."""

from typing import Any

# The table's columns with their dtypes; `late` is its label.
DTYPES = {
    "distance": "float64",
    "stops": "int64",
    "express": "bool",
    "carrier": "string",
    "leaves": "timestamp",
    "late": "int64",
}


def document(**columns: Any) -> dict[str, Any]:
    """A specification of these columns."""
    return {"version": 1, "columns": columns}


def derived(**features: Any) -> dict[str, Any]:
    """A specification of one column and these derived features."""
    return document(distance={"kind": "numeric"}) | {"derived": features}


# Every kind and key.
EVERYTHING = document(
    distance={"kind": "numeric", "impute": "mean", "missing_indicator": True, "clip": [0.01, 0.99], "scale": "z_score"},
    stops={"kind": "numeric", "impute": "median", "clip": None, "scale": "none"},
    express={"kind": "boolean", "missing_indicator": False},
    carrier={"kind": "categorical", "capacity": 20, "minimum_count": 3},
    leaves={"kind": "datetime", "parts": ["hour", "day_of_week", "month"], "missing_indicator": True},
    late={"kind": "ignore", "reason": "the label"},
)
RIGHT: list[Any] = [
    EVERYTHING,
    document(
        distance={"kind": "numeric", "impute": "constant", "fill_value": -1, "scale": "min_max", "log1p": True},
        stops={"kind": "bucketized", "edges": [0, 1.5, 4], "encoding": "one_hot"},
        carrier={"kind": "categorical", "encoding": "one_hot"},
    ),
    document(leaves={"kind": "datetime", "parts": ["minute", "day_of_year"], "encoding": "ordinal"}),
    document(leaves={"kind": "datetime", "parts": ["day_of_month"], "encoding": "one_hot"}),
    derived(
        gap={"kind": "difference", "of": ["distance", "stops"], "impute": "mean", "scale": "robust"},
        rate={"kind": "ratio", "of": ["distance", "stops"], "clip": None},
        total={"kind": "sum", "of": ["distance", "stops"], "missing_indicator": False},
        pair={"kind": "cross", "of": ["carrier", "stops"], "buckets": 50.0, "encoding": "one_hot"},
    ),
    document(
        stops={"kind": "hashed", "buckets": 100, "encoding": "one_hot"},
        carrier={"kind": "categorical", "capacity": 9, "unknown_buckets": 5},
    ),
    document(
        stops={"kind": "categorical", "encoding": "frequency", "scale": "none"},
        carrier={"kind": "categorical", "encoding": "target_mean", "smoothing": 5, "scale": "z_score"},
    ),
    document(
        distance={"kind": "bucketized", "quantile_buckets": 20.0},
        stops={"kind": "numeric", "impute": "none", "scale": "robust"},
    ),
    {},
    document(),
    {"version": 1.0, "columns": {"carrier": {"kind": "categorical", "capacity": 20.0}}},
    *(document(**{name: {"kind": said["kind"]}}) for name, said in EVERYTHING["columns"].items()),
]
# Faults that both reading and the schema see: the document, and parts of what the error names, expects and got.
WRONG: list[tuple[Any, str, str, str]] = [
    ([], "specification", "a mapping", "[]"),
    ({"version": 2, "columns": {}}, "key 'version'", "1", "2"),
    ({"columns": {}}, "key 'version'", "1", "None"),
    ({"version": 1, "columns": []}, "key 'columns'", "a mapping", "[]"),
    ({"version": 1, "columns": {}, "extra": 1}, "specification", "version and columns", "'extra'"),
    (document(distance="numeric"), "column 'distance'", "the key kind", "'numeric'"),
    (document(distance={"impute": "mean"}), "column 'distance'", "the key kind", "impute"),
    (document(distance={"kind": "spline"}), "'distance', key 'kind'", "numeric, boolean", "'spline'"),
    (document(distance={"kind": ["numeric"]}), "'distance', key 'kind'", "numeric, boolean", "['numeric']"),
    (document(distance={"kind": "numeric", "capacity": 9}), "column 'distance'", "impute", "'capacity'"),
    (document(distance={"kind": "numeric", "impute": "zero"}), "key 'impute'", "median, mean", "'zero'"),
    (document(distance={"kind": "numeric", "scale": 1}), "key 'scale'", "z_score, min_max, robust, none", "1"),
    (document(distance={"kind": "numeric", "missing_indicator": 1}), "key 'missing_indicator'", "true", "1"),
    (document(distance={"kind": "numeric", "clip": [0, 1, 2]}), "key 'clip'", "two fractions", "[0, 1, 2]"),
    (document(distance={"kind": "numeric", "clip": [0, "1"]}), "key 'clip'", "two fractions", "[0, '1']"),
    (document(carrier={"kind": "categorical", "capacity": 2}), "key 'capacity'", "from 3", "2"),
    (document(carrier={"kind": "categorical", "capacity": 9.5}), "key 'capacity'", "a whole number", "9.5"),
    (document(carrier={"kind": "categorical", "minimum_count": True}), "key 'minimum_count'", "from 1", "True"),
    (document(leaves={"kind": "datetime", "parts": ["second"]}), "key 'parts'", "hour, day_of_week", "second"),
    (document(leaves={"kind": "datetime", "parts": []}), "key 'parts'", "hour, day_of_week", "[]"),
    (document(leaves={"kind": "datetime", "parts": ["hour", "hour"]}), "key 'parts'", "once", "hour"),
    (document(distance={"kind": "numeric", "log1p": 1}), "key 'log1p'", "true", "1"),
    (document(distance={"kind": "numeric", "fill_value": "0"}), "key 'fill_value'", "finite number", "'0'"),
    (document(distance={"kind": "bucketized", "edges": []}), "key 'edges'", "finite numbers", "[]"),
    (document(distance={"kind": "bucketized", "quantile_buckets": 1}), "'quantile_buckets'", "from 2 to 1000", "1"),
    (document(distance={"kind": "bucketized", "encoding": "two_hot"}), "key 'encoding'", "one_hot", "two_hot"),
    (document(carrier={"kind": "hashed", "buckets": 0}), "key 'buckets'", "from 1", "0"),
    (document(carrier={"kind": "categorical", "smoothing": -1}), "key 'smoothing'", "from 0", "-1"),
    (document(carrier={"kind": "categorical", "encoding": "mean"}), "key 'encoding'", "target_mean", "mean"),
    (
        derived(gap={"kind": "product", "of": ["distance", "stops"]}),
        "'gap', key 'kind'",
        "difference, ratio",
        "product",
    ),
    (derived(gap={"kind": "sum"}), "derived column 'gap'", "the keys kind and of", "sum"),
    (derived(gap={"kind": "difference", "of": ["distance"]}), "key 'of'", "2 different columns", "['distance']"),
    (derived(gap={"kind": "sum", "of": ["stops", "stops"]}), "key 'of'", "at least 2 different", "['stops', 'stops']"),
    (document() | {"derived": []}, "key 'derived'", "a mapping", "[]"),
    (document(leaves={"kind": "ignore", "reason": 3}), "key 'reason'", "text", "3"),
]
# Faults that only reading sees, which knows the dataset and looks at several keys at once.
DISAGREEING: list[tuple[Any, str, str, str]] = [
    (document(speed={"kind": "numeric"}), "column 'speed'", "'distance'", "no such column"),
    (document(carrier={"kind": "numeric"}), "column 'carrier'", "int64 or float64", "string"),
    (document(distance={"kind": "categorical"}), "column 'distance'", "string or int64", "float64"),
    (document(late={"kind": "numeric"}), "column 'late'", "the label", "numeric"),
    (document(distance={"kind": "numeric", "clip": [0.9, 0.1]}), "key 'clip'", "two fractions", "[0.9, 0.1]"),
    (document(distance={"kind": "numeric", "impute": "constant"}), "key 'fill_value'", "a number", "no such key"),
    (document(distance={"kind": "numeric", "fill_value": 1}), "key 'fill_value'", "where impute is constant", "1"),
    (document(distance={"kind": "bucketized", "edges": [2, 1]}), "key 'edges'", "increasing", "[2, 1]"),
    (document(distance={"kind": "bucketized", "edges": [1], "quantile_buckets": 3}), "'edges'", "either", "[1]"),
    (document(carrier={"kind": "categorical", "smoothing": 1}), "key 'smoothing'", "target_mean", "1"),
    (document(carrier={"kind": "categorical", "scale": "none"}), "key 'scale'", "frequency", "none"),
    (document(carrier={"kind": "categorical", "capacity": 4, "unknown_buckets": 3}), "'capacity'", "at least 5", "4"),
    (
        document(carrier={"kind": "categorical", "encoding": "frequency", "unknown_buckets": 2}),
        *("key 'unknown_buckets'", "1 where encoding is frequency", "2"),
    ),
    (derived(stops={"kind": "sum", "of": ["distance", "stops"]}), "column 'stops'", "no column has", "dataset's"),
    (derived(gap={"kind": "sum", "of": ["distance", "late"]}), "'gap', key 'of'", "but the label", "'late'"),
    (derived(gap={"kind": "sum", "of": ["distance", "carrier"]}), "'gap', key 'of'", "int64 or float64", "string"),
    (derived(gap={"kind": "cross", "of": ["carrier", "speed"]}), "'gap', key 'of'", "string or int64", "'speed'"),
]

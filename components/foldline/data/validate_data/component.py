"""The KFP signature of validate_data."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Output

from foldline._image import VALIDATOR


@dsl.component(base_image=VALIDATOR, install_kfp_package=False)
def validate_data(
    dataset: Input[Dataset], statistics: Output[Artifact], schema: Output[Artifact], decision: Output[Artifact],
    report: Output[HTML], metrics: Output[Metrics], schema_text: str = "", stop_on_errors: bool = True,
    label_required: bool = True, environment: str = "",
):  # fmt: skip
    """Hold a dataset against a schema and look for faults; errors stop the pipeline where asked, warnings never.

    Args:
        dataset: The table.
        statistics: Statistics of each column, in FeatureStats.pb.
        schema: The schema that was given, or else inferred, in schema.pbtxt.
        decision: Verdict pass, warn or fail, with every finding.
        report: The findings and a summary of each column.
        metrics: Rows, columns, errors and warnings.
        schema_text: Content of a curated schema.pbtxt; empty infers one.
        stop_on_errors: Fail the task on errors; or else leave it to the reader of the decision.
        label_required: Hold the label to what training needs; or else its values may be missing, as in new rows.
        environment: Environment of the schema; TRAINING, or SERVING where no label is required, when empty.
    """
    from foldline.data.validate_data.run import run

    run(dataset.path, statistics.path, schema.path, decision.path, report.path, schema_text=schema_text,
        stop_on_errors=stop_on_errors, label_required=label_required, environment=environment,
        log_metric=metrics.log_metric, describe=decision.metadata.update)  # fmt: skip

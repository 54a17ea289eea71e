"""What a user may set for both arms."""

from typing import Any

import pytest

from foldline.errors import ArgumentError
from foldline.serving.deploy_canary.backends.route import settings

SETTINGS = {
    "minReplicas": 2.0,
    "maxReplicas": 4.0,
    "scaleMetric": "cpu",
    "model": {"resources": {"limits": {"memory": "2Gi", "cpu": 1.5}}},
}


def test_settings_are_merged_over_the_predictor_and_the_model_keeps_its_name() -> None:
    predictor = settings.build("late-1", "team", "s3://b/late/1", "late", settings.check(SETTINGS, "late"))["spec"][
        "predictor"
    ]
    assert (predictor["minReplicas"], predictor["maxReplicas"], predictor["scaleMetric"]) == (2, 4, "cpu")
    assert isinstance(predictor["minReplicas"], int)
    assert predictor["model"]["resources"] == {"limits": {"memory": "2Gi", "cpu": 1.5}}
    assert (predictor["model"]["storageUri"], predictor["model"]["args"]) == ("s3://b/late/1", ["--model=late"])


def test_kserve_makes_no_route_for_an_arm() -> None:
    labels = settings.build("late-1", "team", "s3://b/late/1", "late", {})["metadata"]["labels"]
    assert labels["networking.kserve.io/visibility"] == "cluster-local"


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"canaryTrafficPercent": 10}, "canaryTrafficPercent"),
        ({"canary": []}, "canary"),
        ({"model": {"storageUri": "s3://other"}}, "model.storageUri"),
        ({"model": {"args": ["--model=x"]}}, "model.args"),
        ({"model": {"runtime": "other"}}, "model.runtime"),
        ({"model": {"modelFormat": {"name": "sklearn"}}}, "model.modelFormat"),
    ],
)
def test_what_the_rollout_sets_itself_is_refused(given: dict[str, Any], key: str) -> None:
    with pytest.raises(ArgumentError, match=rf"^inference_service\.{key}: .*leave it out"):
        settings.check(given, "late")


def test_a_name_too_long_for_a_service_is_refused() -> None:
    longest = "m" * settings.LONGEST_MODEL_NAME
    assert len(f"{longest}-123456789abc-predictor") == 63
    assert settings.check({}, longest) == {}
    with pytest.raises(ArgumentError, match="at most 40 characters, as backend route needs"):
        settings.check({}, longest + "m")


def test_an_arm_is_patched_only_where_its_settings_differ() -> None:
    wanted = settings.build("late-1", "team", "s3://b/late/1", "late", settings.check(SETTINGS, "late"))
    stored = settings.build("late-1", "team", "s3://b/late/1", "late", {"nodeSelector": {"disk": "fast"}})
    stored["spec"]["predictor"]["model"]["protocolVersion"] = "v1"
    assert settings.difference(wanted, wanted) is None
    assert settings.difference(stored, wanted) == {
        "spec": {
            "predictor": {
                "minReplicas": 2,
                "maxReplicas": 4,
                "scaleMetric": "cpu",
                "model": {"resources": {"limits": {"memory": "2Gi", "cpu": 1.5}}},
            }
        }
    }

"""An arm's InferenceService, with the settings that a user may give to both. Pure."""

from typing import Any

from foldline.cluster import Object
from foldline.errors import ArgumentError
from foldline.serving.deploy_canary.backends import inference_service

# Of names of Services; `-` and twelve digits of a version, and `-predictor`, come behind the model's name.
LONGEST_MODEL_NAME = 63 - len("-123456789abc") - len("-predictor")
_OWN = ("canary", "canaryTrafficPercent", "model.args", "model.modelFormat", "model.name", "model.runtime")
_OWN_TOO = ("model.storageUri", "model.storage")


def check(settings: dict[str, Any], model_name: str) -> dict[str, Any]:
    """The settings of `spec.predictor` that both arms get; whole numbers are integers again.

    Raises:
        ArgumentError: one is set by the rollout itself, or the model's name is too long.
    """
    if len(model_name) > LONGEST_MODEL_NAME:
        raise ArgumentError(
            "model_name",
            expected=f"at most {LONGEST_MODEL_NAME} characters, as backend route needs",
            got=repr(model_name),
        )
    return allowed(settings)


def allowed(settings: dict[str, Any]) -> dict[str, Any]:
    """The same, whatever the model's name.

    Raises:
        ArgumentError: one is set by the rollout itself.
    """
    for key in (*_OWN, *_OWN_TOO):
        outer, _, inner = key.partition(".")
        if outer in settings and (not inner or inner in (settings[outer] or {})):
            raise ArgumentError(
                f"inference_service.{key}",
                expected="settings of spec.predictor that are the same for both arms",
                got=repr((settings[outer] or {}).get(inner) if inner else settings[outer])[:80],
                fix="The rollout sets this one itself: leave it out.",
            )
    checked: dict[str, Any] = _whole(settings)
    return checked


def build(name: str, namespace: str, uri: str, model_name: str, settings: dict[str, Any]) -> Object:
    """The InferenceService `name`, which serves the model under `model_name` and has no route of KServe's."""
    body = inference_service.build(name, namespace, uri, cluster_local=True)
    predictor = body["spec"]["predictor"]
    # KServe puts these behind the runtime's own; of an option that is given twice, the last counts.
    predictor["model"]["args"] = [f"--model={model_name}"]
    body["spec"]["predictor"] = merged(predictor, settings)
    return body


def difference(service: Object, wanted: Object) -> dict[str, Any] | None:
    """The merge patch that gives an arm the settings of `wanted`; None where it has them."""
    have = service["spec"].get("predictor") or {}
    patch = _changed(have, wanted["spec"]["predictor"])
    return {"spec": {"predictor": patch}} if patch else None


def _changed(have: dict[str, Any], want: dict[str, Any]) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for key, value in want.items():
        if isinstance(value, dict) and isinstance(have.get(key), dict):
            inner = _changed(have[key], value)
            changed |= {key: inner} if inner else {}
        elif have.get(key) != value:
            changed[key] = value
    return changed


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base`, with what `over` says beside it or in its place, part by part."""
    both = dict(base)
    for key, value in over.items():
        is_part = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if is_part else value
    return both


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value

"""Findings from facts: no network."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from foldline_pipelines.doctor import cures
from foldline_pipelines.doctor.accelerators import accelerators
from foldline_pipelines.doctor.facts import Facts, Unknown
from foldline_pipelines.doctor.findings import NEEDS, Finding, Status
from foldline_pipelines.doctor.permissions import of
from foldline_pipelines.placement import S3_KEYS, S3_SECRET

TRIED_KUBERNETES, OLDEST_KUBERNETES = "1.34", (1, 30)
TRIED_KUBEFLOW, OLDEST_KUBEFLOW = "2.17", (2, 17)
TRIED_KSERVE, OLDEST_KSERVE = "0.20", (0, 20)
INJECTION = "katib.kubeflow.org/metrics-collector-injection"
_ENDPOINT_KEY = "FOLDLINE_S3_ENDPOINT"
_ROUTES = "httproutes.gateway.networking.k8s.io"
_REVISIONS = "revisions.serving.knative.dev"
_NEEDED_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def check(facts: Facts, pipelines: Iterable[str]) -> list[Finding]:
    """What the pipelines need and how it stands; only what one of them cannot do without is missing."""
    chosen = [NEEDS[pipeline] for pipeline in pipelines]
    found = []
    for topic, look in _TOPICS.items():
        required = any(topic in needs.required for needs in chosen)
        if required or any(topic in needs.useful for needs in chosen):
            found += [one if required else _not_needed(one) for one in look(facts)]
    return found


def _not_needed(finding: Finding) -> Finding:
    return replace(finding, status=Status.INFO) if finding.status is Status.MISSING else finding


def _kubernetes(facts: Facts) -> list[Finding]:
    found = [_version("Kubernetes", facts.kubernetes, OLDEST_KUBERNETES, TRIED_KUBERNETES)]
    if facts.labels is None:
        fix = f"kubectl create namespace {facts.namespace}"
        found.append(Finding(f"namespace/{facts.namespace}", Status.MISSING, "no such namespace", fix))
    return found


def _kubeflow(facts: Facts) -> list[Finding]:
    what, health = "Kubeflow Pipelines", facts.health
    if health is None:
        return [Finding(what, Status.INFO, "not asked, since no --endpoint was given")]
    if isinstance(health, Unknown):
        return [Finding(what, Status.MISSING, health.reason)]
    return [_version(what, str(health.get("tag_name", "")), OLDEST_KUBEFLOW, TRIED_KUBEFLOW)]


def _version(what: str, version: str, oldest: tuple[int, int], tried: str) -> Finding:
    digits = version.lstrip("v").split(".")
    if len(digits) < 2 or not (digits[0].isdigit() and digits[1].isdigit()):
        said = f": it says {version!r}" if version else ""
        return Finding(what, Status.UNKNOWN, f"its version cannot be read{said}")
    if (int(digits[0]), int(digits[1])) < oldest:
        return Finding(what, Status.UNKNOWN, f"{version}; Foldline is tried with {tried}", f"Update {what} to {tried}.")
    return Finding(what, Status.OK, version)


def _runs(facts: Facts) -> list[Finding]:
    found = _permissions(facts, "runs")
    if not cures.has_users(facts) and any(one.status is not Status.OK for one in found):
        return [Finding("permissions runs", Status.INFO, "not granted, and not asked for where Kubeflow has no users")]
    return found


def _permissions(facts: Facts, capability: str) -> list[Finding]:
    """One finding for all that is granted, and one for each verb that is not."""
    who = facts.user if capability == "runs" or not facts.account else f"service account {facts.account}"
    verbs = [(permission, verb) for permission in of(capability) for verb in permission.verbs]
    unknown = [state for one in verbs if isinstance(state := facts.allowed[one], Unknown)]
    if unknown:
        return [Finding(f"permissions {capability}", Status.UNKNOWN, unknown[0].reason)]
    denied = [one for one in verbs if not facts.allowed[one]]
    if not denied:
        return [Finding(f"permissions {capability}", Status.OK, f"all {len(verbs)} granted to {who}")]
    return [
        Finding(
            f"permission to {verb} {permission.qualified}",
            Status.MISSING,
            f"denied to {who}, who needs it to {permission.why}",
            cures.permission(facts, capability),
        )
        for permission, verb in denied
    ]


def _images(facts: Facts) -> list[Finding]:
    what = "keys of an image registry"
    if isinstance(facts.pull_secrets, Unknown):
        return [Finding(what, Status.UNKNOWN, facts.pull_secrets.reason)]
    account = facts.account
    if not account:
        found = "none given: the permissions of pods that are shown are your own"
        return [Finding("service account", Status.INFO, found, cures.ask_for_account(facts))]
    if facts.pull_secrets is None:
        fix = f"kubectl create serviceaccount {account} -n {facts.namespace}"
        return [Finding(f"service account {account}", Status.MISSING, f"none in {facts.namespace}", fix)]
    if not facts.pull_secrets:
        return [Finding(what, Status.INFO, f"service account {account} has none: images must be free to pull")]
    return [Finding(what, Status.OK, f"service account {account} has {', '.join(facts.pull_secrets)}")]


def _object_store(facts: Facts) -> list[Finding]:
    what, secret = f"secret/{S3_SECRET}", facts.secret
    if isinstance(secret, Unknown):
        return [Finding(what, Status.UNKNOWN, secret.reason)]
    if secret is None:
        return [Finding(what, Status.MISSING, f"none in namespace {facts.namespace}", cures.secret(facts))]
    missing = [key for key in _NEEDED_KEYS if key not in secret.keys]
    if missing:
        return [Finding(what, Status.MISSING, f"has no key {', '.join(missing)}", cures.secret(facts))]
    found = f"has {', '.join(key for key in S3_KEYS if key in secret.keys)}"
    if _ENDPOINT_KEY not in secret.keys:
        return [Finding(what, Status.OK, f"{found}; without {_ENDPOINT_KEY} s3:// is Amazon's")]
    return [Finding(what, Status.OK, found)]


def _storage(facts: Facts) -> list[Finding]:
    classes = facts.storage_classes
    if isinstance(classes, Unknown):
        found = [Finding("storage class", Status.UNKNOWN, classes.reason)]
    elif default := [name for name, is_default in classes.items() if is_default]:
        found = [Finding("storage class", Status.OK, f"{default[0]} is the default")]
    else:
        got = f"none of {', '.join(sorted(classes))} is the default" if classes else "none"
        found = [Finding("storage class", Status.MISSING, got, cures.storage_class(classes))]
    what = "persistentvolumeclaim/foldline-cache"
    if isinstance(facts.cache, Unknown):
        found.append(Finding(what, Status.UNKNOWN, facts.cache.reason))
    elif facts.cache is None:
        found.append(Finding(what, Status.MISSING, f"none in namespace {facts.namespace}", cures.manifests(facts)))
    elif facts.cache == "Lost":
        found.append(Finding(what, Status.MISSING, "its volume is lost", cures.lost_cache(facts)))
    else:
        found.append(Finding(what, Status.OK, f"phase {facts.cache}"))
    return found


def _kserve(facts: Facts) -> list[Finding]:
    if "inferenceservices.serving.kserve.io" not in facts.resources:
        return [Finding("KServe", Status.INFO, "not installed: serving_backend stays local")]
    found = _kserve_itself(facts)
    for what, state in (
        ("servingruntime/foldline-server", facts.runtime),
        ("serviceaccount/foldline-server", facts.server_account),
    ):
        if isinstance(state, Unknown):
            found.append(Finding(what, Status.UNKNOWN, state.reason))
        elif state:
            found.append(Finding(what, Status.OK, f"in namespace {facts.namespace}"))
        else:
            found.append(Finding(what, Status.MISSING, f"none in namespace {facts.namespace}", cures.manifests(facts)))
    permissions = _permissions(facts, "kserve")
    if _REVISIONS in facts.resources:
        found.append(Finding("Knative Serving", Status.OK, "installed; serving_backend=knative is to be had"))
    if facts.resources & {_ROUTES, _REVISIONS}:
        permissions += _permissions(facts, "rollouts")
    return [*found, *_store_of_kserve(facts), *permissions]


def _kserve_itself(facts: Facts) -> list[Finding]:
    kserve = facts.kserve
    if isinstance(kserve, Unknown):
        return [Finding("KServe", Status.UNKNOWN, f"installed; {kserve.reason}")]
    found = [
        _version("KServe", kserve.version, OLDEST_KSERVE, TRIED_KSERVE),
        Finding(
            "deployment mode of KServe",
            Status.OK if kserve.mode else Status.UNKNOWN,
            f"{kserve.mode or 'not set'}; Foldline asks for the mode that it needs on each InferenceService",
        ),
    ]
    if _ROUTES in facts.resources:
        used = "KServe makes its routes" if kserve.gateway_api else "KServe makes an Ingress instead"
        found.append(Finding("Gateway API", Status.OK, f"installed; {used}"))
    elif kserve.gateway_api:
        found.append(
            Finding("Gateway API", Status.MISSING, "not installed, but KServe makes its routes", cures.GATEWAY_API)
        )
    else:
        found.append(
            Finding(
                "Gateway API",
                Status.INFO,
                "not installed: KServe makes an Ingress, and serving_backend=route is not to be had",
            )
        )
    return found


def _store_of_kserve(facts: Facts) -> list[Finding]:
    """KServe reads the endpoint from an annotation, not from the key that the pipelines' pods take."""
    secret, wanted = facts.secret, "serving.kserve.io/s3-endpoint"
    if not secret or isinstance(secret, Unknown) or _ENDPOINT_KEY not in secret.keys or wanted in secret.annotations:
        return []
    return [Finding(f"annotation {wanted}", Status.MISSING, f"none on secret/{S3_SECRET}", cures.annotation(facts))]


def _katib(facts: Facts) -> list[Finding]:
    if "experiments.kubeflow.org" not in facts.resources:
        return []
    what, labels = "label for Katib's metrics collector", facts.labels
    if isinstance(labels, Unknown):
        return [Finding(what, Status.UNKNOWN, labels.reason)]
    if (labels or {}).get(INJECTION) == "enabled":
        return [Finding(what, Status.OK, f"namespace {facts.namespace} has {INJECTION}: enabled")]
    fix = f"kubectl label namespace {facts.namespace} {INJECTION}=enabled"
    return [Finding(what, Status.MISSING, f"namespace {facts.namespace} has none: trials would never end", fix)]


_TOPICS: dict[str, Callable[[Facts], list[Finding]]] = {
    "kubernetes": _kubernetes,
    "kubeflow": _kubeflow,
    "runs": _runs,
    "images": _images,
    "object_store": _object_store,
    "storage": _storage,
    "accelerators": accelerators,
    "kserve": _kserve,
    "katib": _katib,
}

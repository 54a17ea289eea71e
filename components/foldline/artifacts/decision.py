"""Decision: a verdict with its reasons, every figure used and the policy; written also when the answer is no."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from foldline.artifacts.seal import open_sealed, seal

FORM = "foldline.decision/1"
MANIFEST = "decision.json"


@dataclass(frozen=True)
class Decision:
    """A decision.

    Attributes:
        subject: what was decided: `validation`, `comparison` or `canary`.
        verdict: in the subject's words (`promote`, `keep`; `pass`, `warn`, `fail`).
        reasons: sentences, the deciding one first.
        figures: every figure used, by name.
        policy: the thresholds that the figures were held against.
    """

    subject: str
    verdict: str
    reasons: tuple[str, ...]
    figures: dict[str, Any]
    policy: dict[str, Any]

    def write(self, path: Path) -> None:
        """Write the decision to the new folder `path`."""
        path.mkdir(parents=True)
        content = {
            "subject": self.subject,
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "figures": self.figures,
            "policy": self.policy,
        }
        seal(path, MANIFEST, FORM, content)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The decision in the folder `path`.

        Raises:
            ArtifactError: it is torn, edited, or no decision.
        """
        manifest = open_sealed(path, MANIFEST, FORM)
        return cls(
            subject=manifest["subject"],
            verdict=manifest["verdict"],
            reasons=tuple(manifest["reasons"]),
            figures=manifest["figures"],
            policy=manifest["policy"],
        )

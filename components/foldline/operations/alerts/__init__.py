"""Alerts: said on standard output, posted to a webhook or as CloudEvents; silenced, and not said twice."""

from foldline.operations.alerts.alert import Alert, Delivery
from foldline.operations.alerts.delivering import deliver
from foldline.operations.alerts.settings import AlertSettings

__all__ = ["Alert", "AlertSettings", "Delivery", "deliver"]

"""The network namespace of the cluster: loopback, an address for the node, and no way out."""

from pathlib import Path

from . import places
from .process import inside, run, say

LINK, PEER = "node0", "node0p"


def exists() -> bool:
    return Path(f"/run/netns/{places.NAMESPACE}").exists()


def up() -> None:
    """Make what is missing of the namespace.

    A veth pair carries the node's address, since not every kernel has dummy links. Services are routed to it, so that
    the node's own requests to them stay here; pods that do not exist are unreachable at once.
    """
    if not exists():
        run("ip", "netns", "add", places.NAMESPACE)
        say(f"network namespace {places.NAMESPACE} made")
    if LINK not in run(*inside("ip", "-oneline", "link")):
        run(*inside("ip", "link", "add", LINK, "type", "veth", "peer", "name", PEER))
    for command in (
        "ip link set lo up",
        f"ip address replace {places.NODE_ADDRESS}/32 dev {LINK}",
        f"ip link set {LINK} up",
        f"ip link set {PEER} up",
        f"ip route replace {places.SERVICE_RANGE} dev {LINK} src {places.NODE_ADDRESS}",
        f"ip route replace unreachable {places.POD_RANGE} metric 4096",
    ):
        run(*inside(*command.split()))
    run(*inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"))


def down() -> None:
    """Remove the namespace with its links, routes and packet filters."""
    if exists():
        run("ip", "netns", "delete", places.NAMESPACE)

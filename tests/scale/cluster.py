"""A Ray cluster of two nodes on loopback, in a process of its own: takes commands by lines and answers each.

python cluster.py          prints the address
kill    ends a node as if its machine did, and adds another
add     adds a node
end     ends the cluster
"""

from __future__ import annotations

import os
import sys
import warnings

HOST = "127.0.0.1"
STORE_BYTES = 80 * 1024 * 1024


def main() -> None:
    """Serve until stdin ends."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # on loopback
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Ray prints goes elsewhere
    from ray.cluster_utils import Cluster

    shared = {"node_ip_address": HOST, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **shared})
    nodes = [cluster.add_node(num_cpus=1, node_ip_address=HOST, object_store_memory=STORE_BYTES) for _ in range(2)]
    cluster.wait_for_nodes()
    print(cluster.address, file=answers, flush=True)
    for line in sys.stdin:
        command = line.strip()
        if command == "kill":
            cluster.remove_node(nodes.pop(0), allow_graceful=False)
        if command in ("kill", "add"):
            nodes.append(
                cluster.add_node(num_cpus=1, node_ip_address=HOST, object_store_memory=STORE_BYTES, wait=False)
            )
        if command == "end":
            break
        print("done", file=answers, flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()

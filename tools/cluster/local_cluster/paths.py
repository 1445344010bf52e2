"""Where everything lies, and the fixed addresses of the node."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
REPOSITORY = HERE.parents[1]
STATE = Path(os.environ.get("CLUSTER_DIR", REPOSITORY / ".cluster")).resolve()
CACHE = Path(
    os.environ.get("CLM_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "clm"
)
PKI, KUBECONFIGS, CONFIG = STATE / "pki", STATE / "kubeconfig", STATE / "config"
LOGS, RUN, DATA = STATE / "logs", STATE / "run", STATE / "data"

NODE = "local"
BRIDGE = "cluster0"
NODE_IP, POD_CIDR = "10.244.0.1", "10.244.0.0/24"
SERVICE_CIDR, API_SERVICE_IP = "10.96.0.0/16", "10.96.0.1"
API = f"https://{NODE_IP}:6443"
SOCKET = RUN / "containerd.sock"
ETCD = "http://127.0.0.1:23790"
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")

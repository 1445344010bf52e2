#!/usr/bin/env bash
# The asyncio leader election of the Python package kubernetes never makes a Lease: its LeaseLock asks
# for pretty=True where the package's own method takes a text. Where no Lease is there yet, run() ends
# with a ValidationError before anything is sent, and nobody ever leads.
#
# Seen with kubernetes 37.0.2:
#   run() ended: ValidationError, on pretty
#   requests to make the Lease: 0
#
# In CLM: the election is code of its own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install -q kubernetes==37.0.2 aiohttp 2>/dev/null
cat > elect.py <<'PY'
import asyncio

from aiohttp import web
from kubernetes.aio import client
from kubernetes.aio.leaderelection import electionconfig, leaderelection
from kubernetes.aio.leaderelection.resourcelock.leaselock import LeaseLock

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
made = []


async def none_is_there(_):
    return web.json_response({"kind": "Status", "code": 404}, status=404)


async def make(request):
    made.append(await request.json())
    return web.json_response(made[-1], status=201)


async def main():
    app = web.Application()
    app.add_routes([web.get(LEASES + "/one", none_is_there), web.post(LEASES, make)])
    server = web.AppRunner(app)
    await server.setup()
    await web.TCPSite(server, "127.0.0.1", 0).start()
    host, port = server.addresses[0]
    api = client.ApiClient(client.Configuration(host=f"http://{host}:{port}"))
    lock = LeaseLock("one", "default", "me", api)
    lead = asyncio.Event().wait
    config = electionconfig.Config(lock, 15, 10, 2, lead, None)
    election = asyncio.create_task(leaderelection.LeaderElection(config).run())
    await asyncio.wait([election], timeout=20)
    error = election.exception() if election.done() else None
    where = error.errors()[0]["loc"][-1] if hasattr(error, "errors") else "nothing"
    print(f"run() ended: {type(error).__name__}, on {where}")
    print("requests to make the Lease:", len(made))
    await api.close()
    await server.cleanup()


asyncio.run(main())
PY
echo "kubernetes $(venv/bin/python -c 'import importlib.metadata as m; print(m.version("kubernetes"))')"
seen=$(venv/bin/python elect.py)
echo "$seen"
diff <(echo "$seen") - <<'SEEN' >&2 || { echo "the behaviour has changed" >&2; exit 1; }
run() ended: ValidationError, on pretty
requests to make the Lease: 0
SEEN

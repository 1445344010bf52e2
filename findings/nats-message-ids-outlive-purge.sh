#!/usr/bin/env bash
# NATS JetStream knows a message by its Nats-Msg-Id in the whole stream, whatever the subject. It goes
# on knowing it after a restart, and after a purge: a message with that id is dropped and
# acknowledged, though the stream is empty. After a purge and a restart it takes the id as new.
# Otherwise only the stream's duplicate_window ends it, which is two minutes by default.
#
# Seen with nats-server 2.15.3:
#   the same id on another subject: duplicate, messages in the stream: 1
#   after a restart: duplicate, messages in the stream: 1
#   after a purge: duplicate, messages in the stream: 0
#   after a purge and a restart: stored, messages in the stream: 1
#
# In CLM: an id holds the object's uid beside what happened, so that no two events share one; and
# nothing is ever sent anew to fill a stream that was purged.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$(cat "$folder/pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
GOBIN=$folder GOFLAGS=-mod=mod go install github.com/nats-io/nats-server/v2@v2.15.3 2>/dev/null
python3 -m venv venv
venv/bin/pip install -q nats-py==2.16.0 2>/dev/null
serve() {
    rm -f log
    ./nats-server -a 127.0.0.1 -p 42219 -js -sd "$folder/data" -l "$folder/log" -P "$folder/pid" &
    until grep -q "Server is ready" "$folder/log" 2>/dev/null; do sleep 0.1; done
}
restart() {
    kill "$(cat pid)"
    wait
    serve
}
cat > ask.py <<'PY'
import asyncio
import sys

import nats

when, act = sys.argv[1:]


async def main():
    client = await nats.connect("nats://127.0.0.1:42219")
    stream = client.jetstream()
    if act == "make":
        await stream.add_stream(name="events", subjects=["events.>"])
        await stream.publish("events.a", b"", headers={"Nats-Msg-Id": "one"})
    if act == "purge":
        await stream.purge_stream("events")
    ack = await stream.publish("events.b", b"", headers={"Nats-Msg-Id": "one"})
    count = (await stream.stream_info("events")).state.messages
    said = "duplicate" if ack.duplicate else "stored"
    print(f"{when}: {said}, messages in the stream: {count}")
    await client.close()


asyncio.run(main())
PY
serve
./nats-server --version
venv/bin/python ask.py "the same id on another subject" make | tee said
restart
venv/bin/python ask.py "after a restart" look | tee -a said
venv/bin/python ask.py "after a purge" purge | tee -a said
restart
venv/bin/python ask.py "after a purge and a restart" look | tee -a said
[ "$(grep -o 'duplicate\|stored' said | tr '\n' ' ')" = "duplicate duplicate duplicate stored " ] ||
    { echo "NATS behaves differently now"; exit 1; }

"""Values name the sinks of events; the operator reads their files and may reach them."""

from pathlib import Path
from typing import Any

import pytest

from clm_operator.event_settings import EventSettings, HttpSettings, NatsSettings
from clm_operator.request_settings import RequestSettings
from clm_operator.settings import load_settings
from tests.support import chart

Raw = dict[str, Any]
S3 = 'objectStore={"secretName":"s3"}'
HTTP = (
    '{"url":"https://sink.example:8443/in","secretName":"sink",'
    '"caBundle":{"configMap":"corp","key":"root.pem"}}'
)
NATS = (
    '{"servers":["tls://nats.nats.svc","nats://other:5222"],"secretName":"creds",'
    '"caBundle":{"secret":"corp"},"stream":"LOOP","createStream":true}'
)
BOTH = f'events={{"cluster":"prod-eu","http":{HTTP},"nats":{NATS}}}'


def _settings(objects: tuple[Raw, ...], tmp_path: Path) -> EventSettings:
    path = tmp_path / "config.yaml"
    path.write_text(chart.of_kind(objects, "ConfigMap")[0]["data"]["config.yaml"])
    return load_settings(path).events


def _pod(objects: tuple[Raw, ...]) -> Raw:
    (found,) = chart.of_kind(objects, "Deployment")
    return dict(found["spec"]["template"]["spec"])


def test_without_values_nobody_is_told_and_nothing_is_mounted(tmp_path: Path) -> None:
    objects = chart.render("ns", S3, release="mine")
    assert _settings(objects, tmp_path) == EventSettings(cluster="mine")
    assert [v["name"] for v in _pod(objects)["volumes"] if "events" in v["name"]] == []


def test_values_become_settings_whose_files_are_mounted(tmp_path: Path) -> None:
    objects = chart.render("ns", S3, BOTH)
    at = "/var/run/clm/events"
    assert _settings(objects, tmp_path) == EventSettings(
        cluster="prod-eu",
        http=HttpSettings(
            url="https://sink.example:8443/in",
            headers_folder=f"{at}-http",
            ca_file=f"{at}-http-ca/ca.crt",
        ),
        nats=NatsSettings(
            servers=["tls://nats.nats.svc", "nats://other:5222"],
            credentials_folder=f"{at}-nats",
            ca_file=f"{at}-nats-ca/ca.crt",
            stream="LOOP",
            create_stream=True,
        ),
    )
    pod = _pod(objects)
    mounts = {m["mountPath"]: m["name"] for m in pod["containers"][0]["volumeMounts"]}
    volumes = {v["name"]: v for v in pod["volumes"]}
    found = {path: volumes[name] for path, name in mounts.items() if path.startswith(at)}
    assert {
        path: {k: v for k, v in volume.items() if k != "name"} for path, volume in found.items()
    } == {
        f"{at}-http": {"secret": {"secretName": "sink"}},
        f"{at}-nats": {"secret": {"secretName": "creds"}},
        f"{at}-http-ca": {
            "configMap": {"name": "corp", "items": [{"key": "root.pem", "path": "ca.crt"}]}
        },
        f"{at}-nats-ca": {
            "secret": {"secretName": "corp", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
        },
    }


def test_messages_are_taken_as_the_values_say(tmp_path: Path) -> None:
    requests = '{"enabled":true,"subject":"clm.requests.*.>","consumer":"east"}'
    nats = f'{{"servers":["nats://a"],"requests":{requests}}}'
    for values, wanted in (
        (nats, RequestSettings(enabled=True, subject="clm.requests.*.>", consumer="east")),
        ('{"servers":["nats://a"]}', RequestSettings()),
    ):
        found = _settings(chart.render("ns", S3, f'events={{"nats":{values}}}'), tmp_path).nats
        assert found is not None
        assert found.requests == wanted


def test_nats_may_be_there_for_messages_alone(tmp_path: Path) -> None:
    objects = chart.render("ns", S3, 'events={"nats":{"servers":["nats://a"],"stream":""}}')
    nats = _settings(objects, tmp_path).nats
    assert nats is not None
    assert nats.stream is None


def test_the_operator_and_no_training_pod_may_reach_the_sinks() -> None:
    objects = chart.render("ns", S3, BOTH, "networkPolicy.enabled=true")
    policies = {p["metadata"]["name"]: p for p in chart.of_kind(objects, "NetworkPolicy")}
    reached = {
        name: {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
        for name, policy in policies.items()
    }
    assert reached["clm-operator"] >= {8443, 4222, 5222}
    assert reached["clm-trainer"].isdisjoint({8443, 4222, 5222})


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ('{"http":{"url":"sink.example"}}', "events"),
        ('{"http":{"url":"https://user:secret@sink.example"}}', "events"),
        ('{"nats":{"servers":["nats://user:secret@host"]}}', "events"),
        ('{"http":{"url":"https://a","caBundle":{"secret":"a","configMap":"b"}}}', "set one of"),
        ('{"nats":{"server":["nats://host"]}}', "additional properties"),
    ],
)
def test_values_that_can_not_be_are_refused(events: str, said: str) -> None:
    result = chart.template("ns", S3, f"events={events}")
    assert result.returncode != 0
    assert said in result.stderr

"""What a function may ask of Ray; what runs there is in tests/services/test_ray.py."""

from __future__ import annotations

import importlib.util

import pytest

from cloudcore import open as cloud_open
from cloudcore.errors import ApiError
from cloudcore.lambda_.code import pack
from cloudcore.lambda_.on_ray.asked import resources

CODE = pack({"h.py": b"def handler(event, context): return event"})


def test_resources_by_rays_names():
    assert resources("cpus=8") == {"CPU": 8}
    assert resources("cpus=0.5, gpus=1 big_disk=2") == {"CPU": 0.5, "GPU": 1, "big_disk": 2}


@pytest.mark.parametrize(
    "text", ["", "cpus", "cpus=", "cpus=x", "cpus=-1", "cpus=1.5", "cpus=nan", "cpus=inf", "=1", "gpus=1", "cpus=1e9"]
)
def test_what_is_no_resource_is_refused(text):
    with pytest.raises(ValueError):
        resources(text)
    with cloud_open(":memory:") as cloud, pytest.raises(ApiError, match=r"CLOUDCORE_RAY is what a call needs") as caught:
        cloud.function("f", handler="h.handler", environment={"CLOUDCORE_RAY": text}).deploy(CODE)
    assert caught.value.code == "InvalidParameterValueException"


def test_without_ray_it_is_refused_with_the_line_that_installs_it(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else found(name, *rest))
    with cloud_open(":memory:") as cloud:
        with pytest.raises(ApiError, match=r"pip install 'cloudcore\[ray\]'"):
            cloud.function("f", handler="h.handler", environment={"CLOUDCORE_RAY": "cpus=1"}).deploy(CODE)
        assert cloud.lambda_.run("ListFunctions", {})["Functions"] == []


def test_what_does_not_go_with_it_is_refused():
    with cloud_open(":memory:") as cloud:
        for more, words in (({"Runtime": "nodejs22.x"}, "Python"), ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, "SnapStart")):
            told = {
                "FunctionName": "f", "Runtime": "python3.12", "Role": "arn:aws:iam::000000000000:role/r", "Handler": "h.handler",
                "Code": {"ZipFile": CODE}, "Environment": {"Variables": {"CLOUDCORE_RAY": "cpus=1"}}, **more,
            }  # fmt: skip
            with pytest.raises(ApiError, match=words):
                cloud.lambda_.run("CreateFunction", told)

"""What the installed wheel has to do with its own dependencies alone; run by test_wheel.sh, cibuildwheel."""

import json
import pathlib
import tempfile
import urllib.request

import cloudcore


def main() -> None:
    package = pathlib.Path(cloudcore.__file__).parent
    data = ("_models/dynamodb.json", "billing/prices.toml", "console/templates/bill.html")
    for needed in ("py.typed", "_table.pyi", *data):
        assert (package / needed).is_file(), f"the wheel has no {needed}"
    with tempfile.TemporaryDirectory() as scratch:
        with cloudcore.open(scratch + "/c") as cloud, cloud.serve() as endpoint:
            cloud.table("orders", pk="id:S").put({"id": "a", "n": 1})
            asked = urllib.request.Request(
                endpoint.url, b'{"TableName": "orders"}', {"X-Amz-Target": "DynamoDB_20120810.Scan"}
            )
            with urllib.request.urlopen(asked) as answer:
                assert json.load(answer)["Count"] == 1
            with urllib.request.urlopen(endpoint.url + "/_cloudcore/bill") as answer:
                assert b"write request units" in answer.read()
            code = pathlib.Path(scratch, "code")
            code.mkdir()
            (code / "index.py").write_text("def handler(event, context):\n    return event * 2\n")
            assert cloud.function("double", str(code), handler="index.handler").invoke(21) == 42
            stream = cloud.stream("clicks", format="parquet", schema="id int")
            stream.put_batch([b'{"id": 1}', b'{"id": 2}'])
            stream.flush()
            assert stream.read().num_rows == 2
        with cloudcore.open(scratch + "/c") as cloud:
            assert cloud.table("orders").get("a")["n"] == 1
    print(f"cloudcore {cloudcore.__version__}: tables, HTTP, a function, Parquet, and a second open")


if __name__ == "__main__":
    main()

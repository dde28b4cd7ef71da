"""Every flow of the console, clicked through in a browser."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

import cloudcore

pytestmark = pytest.mark.browser
wherever = pytest.mark.parametrize("cloud", ["memory", "cluster"], indirect=True)


def heading(page: Any) -> str:
    text: str = page.locator("h1").inner_text()
    return text


@wherever
def test_a_table_is_made_filled_and_asked(page: Any, cloud: cloudcore.Cloud) -> None:
    page.get_by_role("link", name="Tables").click()
    page.get_by_role("link", name="Create table").click()
    page.get_by_label("Table name").fill("orders")
    page.get_by_label("Partition key", exact=False).first.fill("customer")
    page.locator("[name=sk]").fill("ts")
    page.locator("[name=sk_type]").select_option("N")
    page.get_by_label("Time to live").fill("ends")
    page.locator("[name=index_name]").first.fill("by_total")
    page.locator("[name=index_pk]").first.fill("state")
    page.locator("[name=index_sk]").first.fill("total")
    page.locator("[name=index_sk_type]").first.select_option("N")
    page.get_by_role("button", name="Create table").click()
    assert heading(page) == "orders"
    assert page.get_by_role("status").inner_text() == "Table orders is there."
    page.get_by_role("link", name="New item").click()
    page.get_by_label("New item").fill('{"customer": "ann", "ts": 1, "total": 9.5, "state": "open", "deep": {"a": [1, null]}}')
    page.get_by_role("button", name="Save").click()
    orders = cloud.table("orders")
    for i in range(2, 61):
        orders.put({"customer": "ann", "ts": i, "total": i * i, "state": "open" if i % 2 else "done", "tags": {"x", "y"}})
    page.get_by_label("customer (S)").fill("ann")
    page.get_by_label("ts (N)").select_option("between")
    page.locator("[name=sk]").fill("3")
    page.get_by_label("And", exact=True).fill("7")
    page.get_by_role("button", name="Run").click()
    assert "Query: 5 items of 5 looked at" in page.locator("main").inner_text()
    page.get_by_label("Read from").select_option("by_total")
    page.get_by_label("customer (S)").fill("")
    page.locator("[name=sk]").fill("")
    page.get_by_role("button", name="Run").click()
    assert "Scan: 25 items" in page.locator("main").inner_text()
    page.get_by_role("link", name="Next page").click()
    assert "Scan: 25 items" in page.locator("main").inner_text()
    page.get_by_role("link", name="open").first.click()
    assert '"SS"' in page.locator("textarea").input_value()  # a set keeps its type
    page.goto("/_cloudcore/tables/orders?pk0=ann&op=%3D&sk=1")
    page.get_by_role("link", name="open").click()
    text = json.loads(page.locator("textarea").input_value())
    assert text == {"customer": "ann", "ts": 1, "total": 9.5, "state": "open", "deep": {"a": [1, None]}}
    page.locator("textarea").fill(json.dumps(text | {"total": 10}))
    page.get_by_role("button", name="Save").click()
    assert orders.get("ann", 1)["total"] == 10
    page.goto("/_cloudcore/tables/orders?pk0=ann&op=%3D&sk=1")
    page.get_by_role("link", name="open").click()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Delete item").click()
    page.get_by_role("status").wait_for()
    assert orders.get("ann", 1) is None
    page.get_by_role("link", name="Settings").click()
    assert "by_total" in page.locator("main").inner_text()
    page.get_by_role("button", name="Stop expiring").click()
    assert page.get_by_role("button", name="Let items expire").is_visible()
    page.get_by_text("Delete this table").click()
    page.locator("[name=name]").fill("orders")
    page.get_by_role("button", name="Delete table").click()
    assert cloud.dynamodb.call("ListTables", {})["TableNames"] == []


def test_a_bad_item_is_refused_in_words(page: Any, cloud: cloudcore.Cloud) -> None:
    cloud.table("orders", pk="customer:S")
    page.goto("/_cloudcore/tables/orders/item")
    page.locator("textarea").fill('{"customer": 5}')
    page.get_by_role("button", name="Save").click()
    assert page.locator("textarea").input_value() == '{"customer": 5}'
    assert "Type mismatch for key customer" in page.get_by_role("alert").inner_text()


def test_text_of_items_is_never_markup(page: Any, cloud: cloudcore.Cloud) -> None:
    orders = cloud.table("orders", pk="customer:S")
    orders.put({"customer": "<img src=x onerror=alert(1)>", "<b>": "</textarea><script>alert(2)</script>"})
    page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    page.goto("/_cloudcore/tables/orders")
    assert "<img src=x onerror=alert(1)>" in page.locator("td").first.inner_text()
    page.get_by_role("link", name="open").click()
    assert "</textarea><script>" in page.locator("textarea").input_value()


@wherever
def test_partiql(page: Any, cloud: cloudcore.Cloud) -> None:
    orders = cloud.table("orders", pk="customer:S")
    orders.put({"customer": "ann", "total": 9})
    page.goto("/_cloudcore/tables/orders/sql")
    page.get_by_role("button", name="Run").click()
    assert "1 item" in page.locator("main").inner_text()


@wherever
def test_a_function_is_written_tested_and_changed(page: Any, cloud: cloudcore.Cloud) -> None:
    page.get_by_role("link", name="Functions").click()
    page.get_by_role("link", name="Create function").click()
    page.get_by_label("Name").fill("greet")
    page.get_by_label("Environment variables").fill("MOOD=good")
    page.get_by_role("button", name="Create function").click()
    assert heading(page) == "greet"
    page.get_by_role("button", name="Invoke").click()
    result = page.locator("section", has=page.get_by_role("heading", name="Test")).inner_text()
    assert '"hello": "ann"' in result and "billed" in result and "REPORT RequestId" in result
    page.get_by_label("lambda_function.handler").fill("import os\ndef handler(event, context):\n    return os.environ['MOOD'] + '!'\n")
    page.get_by_role("button", name="Save code").click()
    page.get_by_role("button", name="Invoke").click()
    assert '"good!"' in page.locator("main").inner_text()
    page.get_by_label("Event").fill("{")
    page.get_by_role("button", name="Invoke").click()
    assert "The event is no JSON" in page.get_by_role("alert").inner_text()
    page.goto("/_cloudcore/functions/greet")
    page.get_by_label("Memory, MB").fill("256")
    page.get_by_label("Reserved concurrency").fill("2")
    page.get_by_role("button", name="Save settings").click()
    assert cloud.lambda_.call("GetFunctionConfiguration", {"FunctionName": "greet"})["MemorySize"] == 256
    page.wait_for_function("document.querySelector('[data-live=invocations]').textContent === '2'")


def test_a_zip_is_uploaded(page: Any, cloud: cloudcore.Cloud, tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("app.py", "from other import answer\ndef run(event, context):\n    return answer\n")
        archive.writestr("other.py", "answer = 42\n")
    path = tmp_path / "app.zip"
    path.write_bytes(made.getvalue())
    page.goto("/_cloudcore/functions/new")
    page.get_by_label("Name").fill("zipped")
    page.get_by_text("Upload a zip").click()
    page.get_by_label("Zip file").set_input_files(str(path))
    page.get_by_label("Handler", exact=True).fill("app.run")
    page.get_by_role("button", name="Create function").click()
    assert heading(page) == "zipped"
    page.get_by_role("button", name="Invoke").click()
    assert "42" in page.locator("section", has=page.get_by_role("heading", name="Test")).inner_text()


@wherever
def test_a_stream_in_a_few_clicks(page: Any, cloud: cloudcore.Cloud) -> None:
    page.get_by_role("link", name="Streams").click()
    page.get_by_role("link", name="Create stream").click()
    page.get_by_label("Name").fill("clicks")
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_text("Parquet").click()
    page.get_by_label("Schema").fill("id int, page string, ms double")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("Bucket").fill("lake")
    page.get_by_label("Prefix", exact=True).fill("clicks/")
    page.get_by_role("button", name="Next").click()
    assert "Parquet, schema id int" in page.locator("main").inner_text()
    page.get_by_role("button", name="Back").click()
    assert page.get_by_label("Bucket").input_value() == "lake"
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Create stream").click()
    assert heading(page) == "clicks"
    rows = "\n".join(json.dumps({"id": i, "page": f"/{i % 7}", "ms": i * 1.5}) for i in range(40))
    page.get_by_label("Records, one a line").fill(rows)
    page.get_by_role("button", name="Put").click()
    assert page.get_by_role("status").inner_text() == "40 records taken in."
    page.get_by_role("button", name="Deliver now").click()
    assert page.get_by_role("status").inner_text() == "Everything is delivered."
    page.wait_for_function("document.querySelector('[data-live=delivered]').textContent === '40'")
    page.get_by_role("link", name="Delivered data").click()
    assert page.locator("tbody tr").count() == 40
    page.get_by_label("Chart").select_option("ms")
    page.get_by_label("SQL over").fill("SELECT page, sum(ms) AS total FROM delivered GROUP BY page ORDER BY page")
    page.get_by_role("button", name="Run").click()
    assert page.locator("tbody tr").count() == 7
    assert page.locator("svg .bars rect, svg g.bars rect").count() == 7
    page.get_by_label("SQL over").fill("SELECT * FROM read_csv('/etc/passwd')")
    page.get_by_role("button", name="Run").click()
    assert "disabled" in page.get_by_role("alert").inner_text()


def test_a_table_into_an_index_in_a_few_clicks(page: Any, cloud: cloudcore.Cloud) -> None:
    """Nothing is configured: the index is kept in files, and its rows are shown."""
    orders = cloud.table("orders", pk="customer:S")
    page.goto("/_cloudcore/streams/new")
    page.get_by_label("Name").fill("audit")
    page.get_by_label("Source").select_option("table:orders")
    for _ in range(3):
        page.get_by_role("button", name="Next").click()
    page.get_by_text("OpenSearch").click()
    page.get_by_label("Index").fill("changes")
    page.get_by_role("button", name="Next").click()
    text = page.locator("main").inner_text()
    assert "the changes of the table orders" in text and "OpenSearch, kept in files here" in text
    page.get_by_role("button", name="Create stream").click()
    assert heading(page) == "audit"
    assert "table orders" in page.locator("main").inner_text()
    orders.put({"customer": "ann"})
    page.locator("[data-live=records_in]", has_text="1").wait_for()
    page.get_by_role("button", name="Deliver now").click()
    assert page.get_by_role("status").inner_text() == "Everything is delivered."
    page.get_by_role("link", name="Delivered data").click()
    assert page.locator("tbody tr").count() == 1
    assert "INSERT" in page.locator("tbody").inner_text()


@wherever
def test_failed_records_are_looked_at_and_replayed(page: Any, cloud: cloudcore.Cloud) -> None:
    clicks = cloud.stream("clicks", bucket="lake", prefix="clicks/", error_prefix="failed/", format="parquet", schema="id int")
    mended = cloud.stream("mended", bucket="lake", prefix="mended/")
    clicks.put_batch([b'{"id": "one"}', b'{"id": 2}', b"no json", b"<b>no</b>"])
    assert clicks.flush(60) and clicks.status()["failed"] == 3
    page.goto("/_cloudcore/streams/clicks")
    page.get_by_role("link", name="Failed records").click()
    assert page.locator("tbody tr").count() == 3
    assert "<b>no</b>" in page.locator("tbody").inner_text()
    page.get_by_label("Into").select_option("mended")
    page.get_by_role("button", name="Replay 3 records").click()
    assert page.get_by_role("status").inner_text() == "3 records put into mended."
    assert "No record has failed." in page.locator("main").inner_text()
    assert mended.flush(60)
    (key,) = cloud.objects.list("lake", "mended/")
    assert cloud.objects.get("lake", key) == b'{"id": "one"}no json<b>no</b>'
    assert len(list(cloud.objects.list("lake", "replayed/failed/"))) == 1


def test_the_bill(page: Any, cloud: cloudcore.Cloud) -> None:
    orders = cloud.table("orders", pk="customer:S")
    for n in range(4):
        orders.put({"customer": str(n), "text": "x" * 3000})
    page.get_by_role("link", name="Bill").click()
    text = page.locator("main").inner_text()
    assert "orders" in text and "write request units" in text and "12" in text
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Begin again").click()
    assert page.get_by_role("status").inner_text() == "Counting begins again."
    assert "write request units" not in page.locator("main").inner_text()


@pytest.mark.parametrize("cloud", ["cluster"], indirect=True)
def test_the_bill_of_a_node(page: Any, cloud: cloudcore.Cloud) -> None:
    cloud.table("orders", pk="customer:S").put({"customer": "ann"})
    page.get_by_role("link", name="Bill").click()
    text = page.locator("main").inner_text()
    assert cloud.node is not None and f"Of this node, {cloud.node.name}," in text and "write request units" in text
    page.goto("/_cloudcore/")
    page.get_by_text("the cluster's").wait_for()


@wherever
def test_requests_and_rates(page: Any, cloud: cloudcore.Cloud) -> None:
    import boto3

    page.get_by_role("link", name="Requests").click()
    client = boto3.client(
        "dynamodb", endpoint_url=page.url.split("/_cloudcore")[0], region_name="us-east-1",
        aws_access_key_id="x", aws_secret_access_key="y",
    )  # fmt: skip
    cloud.table("orders", pk="customer:S").put({"customer": "ann"})
    client.get_item(TableName="orders", Key={"customer": {"S": "ann"}})
    client.list_tables()
    page.get_by_role("link", name="Look again").click()
    text = page.locator("main").inner_text()
    assert "aws dynamodb list-tables" in text
    assert """aws dynamodb get-item --cli-input-json '{"TableName":"orders","Key":{"customer":{"S":"ann"}}}'""" in text
    page.get_by_role("link", name="Overview").click()
    page.wait_for_function("[...document.querySelectorAll('td')].some((cell) => cell.textContent.endsWith('GetItem'))")


def test_dark_and_narrow(page: Any, cloud: cloudcore.Cloud) -> None:
    cloud.table("orders", pk="customer:S").put({"customer": "ann", "note": "x" * 400})
    clicks = cloud.stream("clicks", bucket="lake", format="parquet", schema="id int", error_prefix="failed/")
    clicks.put(b"no json")
    assert clicks.flush(60)
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("", "tables", "tables/orders", "functions/new", "streams/new", "streams/clicks/failed", "requests", "bill"):
        page.goto(f"/_cloudcore/{path}")
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, path
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_by_keyboard(page: Any) -> None:
    page.goto("/_cloudcore/tables")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


def test_pages_as_a_screen_reader_finds_them(page: Any, cloud: cloudcore.Cloud) -> None:
    """Landmarks, one heading of the first level, names of whatever can be focused, ids once, heads of tables."""
    cloud.table("orders", pk="customer:S").put({"customer": "ann", "deep": {"list": [1, "1"]}})
    clicks = cloud.stream("clicks", bucket="lake", format="parquet", schema="id int", error_prefix="failed/")
    clicks.put_batch([b'{"id": 1}', b"no json"])
    assert clicks.flush(60)
    paths = [
        "", "tables", "tables/new", "tables/orders", "tables/orders/item", "tables/orders/sql", "tables/orders/settings",
        "functions", "functions/new", "streams", "streams/new", "streams/clicks", "streams/clicks/preview",
        "streams/clicks/failed", "requests", "bill",
    ]  # fmt: skip
    for path in paths:
        page.goto(f"/_cloudcore/{path}")
        wrong = page.evaluate(
            """() => {
                const all = (query) => [...document.querySelectorAll(query)], found = [];
                const name = (e) => e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length;
                if (!document.documentElement.lang || !document.title) found.push('no language or title');
                for (const once of ['main', 'h1', 'header', 'nav']) if (!all(once).length) found.push('no ' + once);
                if (all('h1').length > 1) found.push('two h1');
                found.push(...all('a, button, summary, [tabindex="0"]').filter((e) => !name(e)).map((e) => e.outerHTML));
                found.push(...all('svg[role=img]').filter((e) => !e.getAttribute('aria-label')).map((e) => e.outerHTML));
                found.push(...all('th:not([scope])').map((e) => e.outerHTML));
                const ids = all('[id]').map((e) => e.id);
                found.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => 'twice #' + id));
                const described = all('[aria-describedby]').filter((e) => !document.getElementById(e.getAttribute('aria-describedby')));
                return [...found, ...described.map((e) => e.outerHTML)];
            }"""
        )
        assert wrong == [], path
    page.goto("/_cloudcore/tables/orders")
    assert '{"list": [1, "1"]}' in page.locator("td", has_text="list").inner_text()  # a number is none in quotes


@pytest.mark.parametrize("path", ["", "tables", "tables/new", "functions/new", "streams/new", "requests", "bill"])
def test_every_field_has_a_name(page: Any, path: str) -> None:
    page.goto(f"/_cloudcore/{path}")
    nameless = page.evaluate(
        """[...document.querySelectorAll('input:not([type=hidden]), select, textarea, button')]
           .filter((e) => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))
           .map((e) => e.outerHTML)"""
    )
    assert nameless == []

"""What notebooks show of tables, rows and items: well-formed, bounded and escaped."""

from xml.etree import ElementTree

import pytest

from cloudcore.dynamodb import DynamoDB, Table

EVIL = "<script>alert('x')</script>&\"é"


@pytest.fixture
def table():
    with DynamoDB() as db:
        yield Table.create(db, "things", pk="id:S", sk="at:N")


def parsed(text):
    assert "<script" not in text
    return ElementTree.fromstring(f"<div>{text}</div>")


def test_tables(table):
    assert "0 items" in "".join(parsed(table._repr_html_()).find("p").itertext())
    assert parsed(table._repr_html_()).find("table") is None
    for at in range(15):
        table.put({"id": EVIL, "at": at, EVIL: EVIL, "n": {"k": EVIL}, "long": "x" * 1000})
    page = parsed(table._repr_html_())
    assert "".join(page.find("p").itertext()).startswith("things (id: S, at: N): 15 items, ")
    assert [cell.text for cell in page.iter("th")] == ["id", "at", EVIL, "long", "n"]
    rows = page.findall("table/tbody/tr")
    assert len(rows) == 10 and rows[3][0].text == EVIL and rows[3][1].text == "3" and rows[3][2].text == EVIL
    assert len(rows[3][3].text) == 80 and "".join(page.findall("p")[-1].itertext()) == "the first 10 items"


def test_rows(table):
    assert table.scan()._repr_html_() == "<p>no items</p>"
    for at in range(3):
        table.put({"id": "a", "at": at, **{f"c{n:02}": n for n in range(20)}})
    table.put({"id": "b", "at": 1})
    page = parsed(table.scan()._repr_html_())
    assert len(page.findall("table/tbody/tr")) == 4 and len(list(page.iter("th"))) == 12
    assert page.find("p").text == "10 more attributes"
    assert repr(table.query("a")) == "<Rows of Query on things>"


def test_items(table):
    table.put({"id": "a", "at": 1, EVIL: EVIL, "list": [EVIL]})
    page = parsed(table.view("a", 1)._repr_html_())
    found = {row[0].text: row[1].text for row in page.iter("tr")}
    assert found == {"id": "a", "at": "1", EVIL: EVIL, "list": repr([EVIL])}

"""Which page answers what. A * names one segment of the path, handed to the page."""

from __future__ import annotations

from cloudcore.console import bill, failures, functions, items, overview, requests, streams, tables, wizard

ROUTES = [
    (method, [part for part in path.split("/") if part], page)
    for method, path, page in [
        ("GET", "", overview.show),
        ("GET", "live", overview.live),
        ("GET", "tables", tables.listing),
        ("GET", "tables/new", tables.new),
        ("POST", "tables/new", tables.create),
        ("GET", "tables/*", items.browse),
        ("GET", "tables/*/item", items.edit),
        ("POST", "tables/*/item", items.save),
        ("POST", "tables/*/item/delete", items.delete),
        ("GET", "tables/*/sql", items.statement),
        ("POST", "tables/*/sql", items.run_statement),
        ("GET", "tables/*/settings", tables.settings),
        ("POST", "tables/*/ttl", tables.set_ttl),
        ("POST", "tables/*/delete", tables.delete),
        ("GET", "functions", functions.listing),
        ("GET", "functions/new", functions.new),
        ("POST", "functions/new", functions.create),
        ("GET", "functions/*", functions.show),
        ("POST", "functions/*/test", functions.test),
        ("GET", "functions/*/live", functions.live),
        ("POST", "functions/*/code", functions.save_code),
        ("POST", "functions/*/settings", functions.save_settings),
        ("POST", "functions/*/delete", functions.delete),
        ("GET", "streams", streams.listing),
        ("GET", "streams/new", wizard.start),
        ("POST", "streams/new", wizard.step),
        ("GET", "streams/*", streams.show),
        ("GET", "streams/*/live", streams.live),
        ("POST", "streams/*/put", streams.put),
        ("POST", "streams/*/flush", streams.flush),
        ("POST", "streams/*/delete", streams.delete),
        ("GET", "streams/*/preview", streams.preview),
        ("GET", "streams/*/failed", failures.show),
        ("POST", "streams/*/replay", failures.replay),
        ("GET", "bill", bill.show),
        ("POST", "bill/reset", bill.reset),
        ("GET", "requests", requests.listing),
        ("GET", "requests/live", requests.live),
    ]
]

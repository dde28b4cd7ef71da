"""Splunk: the HTTP Event Collector, raw and event endpoints, with indexer acknowledgements."""

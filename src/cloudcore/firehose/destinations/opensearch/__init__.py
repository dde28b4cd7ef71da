"""OpenSearch, Elasticsearch and OpenSearch Serverless: documents by _bulk, with ids that stay."""

-- What services give away about their host: operating system, TLS, and what tells it from others. Rows from before have
-- empty values.

ALTER TABLE observations {on_cluster}
    ADD COLUMN IF NOT EXISTS os_product LowCardinality(String) AFTER certificate_sha256,
    ADD COLUMN IF NOT EXISTS os_version LowCardinality(String) AFTER os_product,
    ADD COLUMN IF NOT EXISTS tls_version LowCardinality(String) AFTER os_version,
    ADD COLUMN IF NOT EXISTS identifiers Array(Tuple(LowCardinality(String), String)) AFTER tls_version;

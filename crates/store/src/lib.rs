//! ClickHouse: schema, exactly-once batches, the queries; rows to domain

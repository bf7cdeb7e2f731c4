//! JetStream: streams, consumers and permissions as data; envelope to domain

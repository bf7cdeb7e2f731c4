//! Bytes from a service to product, version and evidence

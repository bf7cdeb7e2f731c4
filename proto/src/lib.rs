//! The contract: `muster.v1` messages and gRPC services, generated from `proto/muster/v1`.
//!
//! Domain crates never see these types; `muster-bus` and the gateway convert.

/// The messages and services of `muster.v1`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    reason = "generated; the documentation stands in the .proto files"
)]
pub mod v1 {
    tonic::include_proto!("muster.v1");
}

/// The encoded `FileDescriptorSet` of `muster.v1` and what it imports: for gRPC reflection and compatibility checks.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/muster.v1.binpb"));

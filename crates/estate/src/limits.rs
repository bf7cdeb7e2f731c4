//! How much an estate and an inventory may hold. What is larger is a mistake of whoever wrote it, or an attack.

/// Bytes of one estate file: a site of 1,000 zones with ten lines of 40 bytes each is 400 KB.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;
/// Sites of an estate.
pub const SITES_MAX: usize = 10_000;
/// Ranges of a site, and blocks of each list of its scope.
pub const RANGES_MAX: usize = 4_096;
/// Zones of a site.
pub const ZONES_MAX: usize = 1_000;
/// Blocks of a zone.
pub const BLOCKS_MAX: usize = 1_024;
/// Sources of an inventory that a site puts into an order.
pub const SOURCES_MAX: usize = 32;
/// Approvals of a zone.
pub const APPROVALS_MAX: usize = 1_024;
/// Schedules of a site.
pub const SCHEDULES_MAX: usize = 64;
/// Runs of ports in one list, as many as a sweep takes.
pub const PORT_RANGES_MAX: usize = 4_096;
/// Nesting of an estate file: document, zones, zone, approvals, approval, ports are six; flow style adds nothing.
pub const DEPTH_MAX: usize = 8;
/// Values of one file: 1 MiB of `[,,]` would be a million of them, and a site of 1,000 zones has under 50,000.
pub const NODES_MAX: usize = 200_000;
/// Bytes of a free text: a reason, a role, a description.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Problems that one report names; whoever has more mends these first.
pub const PROBLEMS_MAX: usize = 100;

/// Packets a second of a site: a gigabit carries 1.488 million minimal Ethernet frames a second (84 bytes on the wire).
pub const RATE_SITE_PPS_MAX: u32 = 1_000_000;
/// Packets a second of a host: 65,536 ports in 6.5 s; more is a flood, not a question.
pub const RATE_HOST_PPS_MAX: u32 = 10_000;
/// Hosts of one draw.
pub const SAMPLE_SIZE_MAX: u32 = 1_000_000;
/// Addresses that one draw is made from: 2^20 tickets are about half a second of one core.
pub const DRAW_FRAME_MAX: u64 = 1 << 20;
/// Sweeps that an asset may be missing from.
pub const ABSENT_AFTER_SWEEPS_MAX: u32 = 1_000;
/// Longest duration in days: ten years.
pub const DAYS_MAX: i64 = 3_660;

/// Rows of an inventory file.
pub const ROWS_MAX: u64 = 5_000_000;
/// Bytes of one field of an inventory file.
pub const FIELD_BYTES_MAX: usize = 4_096;
/// Columns of an inventory file; there are fewer names than that.
pub const COLUMNS_MAX: usize = 64;
/// Identifiers of one asset, as many as an event may carry.
pub const IDENTIFIERS_MAX: usize = 256;
/// Encoded bytes of one asset; nine fields of 4 KiB and 256 addresses of 60 bytes are 52 KiB.
pub const ASSET_BYTES_MAX: usize = 64 * 1024;
/// Assets of one chunk.
pub const CHUNK_ASSETS_MAX: usize = 1_000;
/// Encoded bytes of one chunk: an event carries 256 KiB. As protobuf an asset is mostly shorter than its canonical
/// encoding (lengths of one to three bytes against four); the worst is a one-letter MAC valid between two instants
/// before 1970, with 50 bytes against 38. 160 KiB x 50/38 = 211 KiB, which leaves 45 KiB for the envelope.
pub const CHUNK_BYTES_MAX: usize = 160 * 1024;
/// Imports of one site that may be under way together; the oldest is forgotten.
pub const IMPORTS_MAX: usize = 4;

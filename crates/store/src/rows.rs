//! What stands in the tables, one struct a table.
//!
//! Rows carry primitives and borrow their text: whoever turns messages into rows allocates nothing for them.
//! Conventions: an id is 16 bytes; an address is IPv6, an IPv4 address being mapped (`::ffff:a.b.c.d`); a time is
//! milliseconds since 1970 UTC and 0 where it is unset; an enum is its number in `proto/muster/v1`; blocks and port
//! ranges are text as people write them (`10.0.0.0/24`, `tcp/80-443`).

mod declared;
mod observed;
mod planned;
mod proven;

pub use declared::{
    AssetIdentifier, AssetSource, BulletinRow, Command, DispositionRow, EstateRevision, InventoryChange,
    InventoryManifest,
};
pub use observed::{CertificateRow, ObservationRow, OrderOutcomeRow, SliceRow};
pub use planned::{DrawRow, DrawnItemRow, OrderIssuedRow, SweepFinishedRow, SweepStartedRow};
pub use proven::{EvidenceItem, FindingRow, HostChangeRow, HostRow, VerdictChangeRow, VerdictRow};

use crate::encode::Column;

/// The bytes of an id.
pub type Id = [u8; 16];

/// Milliseconds since 1970 UTC; 0 where it is unset.
pub type Millis = i64;

/// A row of one table.
pub trait TableRow {
    /// The same row without a lifetime: it names the table in a type.
    type Static: TableRow + 'static;
    /// The table.
    const TABLE: &'static str;
    /// Its columns in the order of [`TableRow::encode`].
    const COLUMNS: &'static [&'static str];

    /// Appends each of its values to the column of its place; returns by how many bytes, about, they grew.
    fn encode(&self, columns: &mut [Column]) -> usize;
}

/// The version of a current-state row: the later message wins, and in one message the later entry.
///
/// A message has less than 2^16 entries (1 MiB at 16 bytes and more), a stream less than 2^48 messages.
#[must_use]
pub const fn version(stream_sequence: u64, position: u32) -> u64 {
    let position = if position > 0xffff { 0xffff } else { position as u64 };
    (stream_sequence << 16) | position
}

/// Declares a row: the struct, its reading and its encoding, all from one list of columns.
macro_rules! row {
    (
        $(#[$doc:meta])*
        pub struct $name:ident $(<$life:lifetime>)? in $table:literal {
            $($(#[$attribute:meta])* $field:ident: $type:ty,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, clickhouse::Row)]
        #[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
        pub struct $name $(<$life>)? {
            $($(#[$attribute])* pub $field: $type,)+
        }

        impl $(<$life>)? $crate::rows::TableRow for $name $(<$life>)? {
            type Static = $crate::rows::row!(@static $name $(<$life>)?);
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($field)),+];

            #[inline]
            fn encode(&self, columns: &mut [$crate::encode::Column]) -> usize {
                let [$($field),+] = columns else { return 0 };
                0 $(+ $crate::encode::Put::put(&self.$field, $field))+
            }
        }
    };
    (@static $name:ident) => { $name };
    (@static $name:ident <$life:lifetime>) => { $name<'static> };
}
use row;

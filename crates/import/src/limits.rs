//! How much of a document is read.

use crate::Problem;

/// Bounds of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub bytes: usize,
    /// Rows: devices, hosts, entries, leases.
    pub rows: usize,
    /// Values of one row, nested ones counted.
    pub row_values: usize,
    /// Nesting of one row.
    pub depth: usize,
}

impl Default for Limits {
    /// 64 MiB are 300,000 rows of 200 bytes, and what the gateway takes; a row of `cmdb_ci_server` has about 150
    /// fields of three values, facts of an Ansible host some thousand.
    fn default() -> Self {
        Self { bytes: 64 << 20, rows: 500_000, row_values: 20_000, depth: 32 }
    }
}

impl Limits {
    pub(crate) fn check_bytes(&self, bytes: &[u8]) -> Result<(), Problem> {
        if bytes.len() > self.bytes {
            return Err(Problem::TooLarge { bytes: bytes.len(), max: self.bytes });
        }
        Ok(())
    }
}

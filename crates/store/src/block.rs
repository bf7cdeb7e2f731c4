//! One insert's rows, encoded once: a repeat sends the same bytes.

use std::marker::PhantomData;

use bytes::Bytes;

use crate::rows::TableRow;

/// Rows of one table on their way into a block.
#[derive(Debug)]
pub struct BlockBuilder<T> {
    rows: usize,
    bytes: Vec<u8>,
    table: PhantomData<T>,
}

impl<T: TableRow> Default for BlockBuilder<T> {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl<T: TableRow> BlockBuilder<T> {
    /// Room for so many encoded bytes.
    #[must_use]
    pub fn with_capacity(capacity_bytes: usize) -> Self {
        Self { rows: 0, bytes: Vec::with_capacity(capacity_bytes), table: PhantomData }
    }

    /// Appends a row. A block is one insert and so must stay inside one month of `broker_at`; the server refuses it
    /// otherwise.
    #[inline]
    pub fn push<R: TableRow<Static = T>>(&mut self, row: &R) {
        row.encode(&mut self.bytes);
        self.rows += 1;
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Encoded size so far, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Closes the block.
    #[must_use]
    pub fn finish(self) -> EncodedBlock {
        EncodedBlock { table: T::TABLE, columns: T::COLUMNS, rows: self.rows, bytes: Bytes::from(self.bytes) }
    }
}

/// The rows of one insert. Cloning it shares the bytes.
#[derive(Debug, Clone)]
pub struct EncodedBlock {
    table: &'static str,
    columns: &'static [&'static str],
    rows: usize,
    bytes: Bytes,
}

impl EncodedBlock {
    /// Encodes rows that stand in memory.
    #[must_use]
    pub fn of<R: TableRow>(rows: &[R]) -> Self {
        let mut bytes = Vec::new();
        for row in rows {
            row.encode(&mut bytes);
        }
        Self { table: R::TABLE, columns: R::COLUMNS, rows: rows.len(), bytes: Bytes::from(bytes) }
    }

    /// The table it goes to.
    #[must_use]
    pub fn table(&self) -> &'static str {
        self.table
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The rows in RowBinary.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The statement that its bytes follow.
    #[must_use]
    pub fn statement(&self) -> String {
        let columns = self.columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(",");
        format!("INSERT INTO `{}` ({columns}) FORMAT RowBinary", self.table)
    }
}

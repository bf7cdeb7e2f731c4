//! One insert's rows, encoded once: a repeat sends the same bytes.

use std::marker::PhantomData;

use bytes::Bytes;

use crate::encode::{self, Column};
use crate::rows::TableRow;
use crate::schema::declared_type;

/// Rows of one table on their way into a block.
#[derive(Debug)]
pub struct BlockBuilder<T> {
    rows: usize,
    size_bytes: usize,
    columns: Vec<Column>,
    table: PhantomData<T>,
}

impl<T: TableRow> Default for BlockBuilder<T> {
    fn default() -> Self {
        let columns = T::COLUMNS.iter().map(|column| Column::of(declared_type(T::TABLE, column))).collect();
        Self { rows: 0, size_bytes: 0, columns, table: PhantomData }
    }
}

impl<T: TableRow> BlockBuilder<T> {
    /// Appends a row, and returns by how many bytes the block grew. A block is one insert and so must stay inside one
    /// month of `broker_at`; the server refuses it otherwise.
    #[inline]
    pub fn push<R: TableRow<Static = T>>(&mut self, row: &R) -> usize {
        let grown = row.encode(&mut self.columns);
        self.rows += 1;
        self.size_bytes += grown;
        grown
    }

    /// Rows so far.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Encoded size so far, in bytes; without the names of the columns.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Closes the block.
    #[must_use]
    pub fn finish(self) -> EncodedBlock {
        let columns = T::COLUMNS.iter().zip(self.columns);
        let columns = columns.map(|(name, column)| (*name, declared_type(T::TABLE, name), column));
        let chunks = encode::block(self.rows, columns);
        EncodedBlock { table: T::TABLE, columns: T::COLUMNS, rows: self.rows, chunks }
    }
}

/// The rows of one insert. Cloning it shares the bytes.
#[derive(Debug, Clone)]
pub struct EncodedBlock {
    table: &'static str,
    columns: &'static [&'static str],
    rows: usize,
    chunks: Vec<Bytes>,
}

impl EncodedBlock {
    /// Encodes rows that stand in memory.
    #[must_use]
    pub fn of<R: TableRow>(rows: &[R]) -> Self {
        let mut block = BlockBuilder::<R::Static>::default();
        for row in rows {
            block.push(row);
        }
        block.finish()
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

    /// The block in the Native format, in pieces.
    #[must_use]
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// The statement that its bytes follow.
    #[must_use]
    pub fn statement(&self) -> String {
        let columns = self.columns.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(",");
        format!("INSERT INTO `{}` ({columns}) FORMAT Native", self.table)
    }
}

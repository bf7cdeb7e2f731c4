//! The rows of a batch, a block a table, encoded as they come.

use std::any::Any;

use muster_store::rows::TableRow;
use muster_store::{BlockBuilder, EncodedBlock};

use crate::rows::Sink;

/// One open block a table. There are some twenty tables and runs of rows of one, so the last one used is tried first.
#[derive(Default)]
pub(crate) struct Blocks {
    open: Vec<Open>,
    last: usize,
    rows: usize,
    bytes: usize,
}

struct Open {
    table: &'static str,
    builder: Box<dyn Any>,
    finish: fn(Box<dyn Any>) -> Option<EncodedBlock>,
}

impl Blocks {
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The blocks in the order of their tables' names: the same batch is always inserted in the same order.
    pub(crate) fn finish(self) -> Vec<EncodedBlock> {
        let mut blocks: Vec<_> = self.open.into_iter().filter_map(|open| (open.finish)(open.builder)).collect();
        blocks.sort_by_key(EncodedBlock::table);
        blocks
    }

    fn index_of<T: TableRow + 'static>(&mut self) -> usize {
        if self.open.get(self.last).is_some_and(|open| open.table == T::TABLE) {
            return self.last;
        }
        self.last = self.open.iter().position(|open| open.table == T::TABLE).unwrap_or_else(|| {
            self.open.push(Open {
                table: T::TABLE,
                builder: Box::new(BlockBuilder::<T>::default()),
                finish: |builder| builder.downcast::<BlockBuilder<T>>().ok().map(|builder| builder.finish()),
            });
            self.open.len() - 1
        });
        self.last
    }
}

impl Sink for Blocks {
    fn row<R: TableRow>(&mut self, row: &R) {
        let index = self.index_of::<R::Static>();
        if let Some(builder) = self.open[index].builder.downcast_mut::<BlockBuilder<R::Static>>() {
            self.bytes += builder.push(row);
            self.rows += 1;
        }
    }
}

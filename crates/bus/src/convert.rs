//! Between the wire and the domain: what is read is checked, what is written is complete.

pub mod estate;
pub mod inventory;
pub mod loss;
pub mod network;
pub mod time;

use thiserror::Error;

/// A field that does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub struct ConvertError {
    /// Path of the field.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl ConvertError {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

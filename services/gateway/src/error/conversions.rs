//! From the errors of the parts to what the caller is told.

use std::time::Duration;

use muster_bus::convert::ConvertError;
use muster_bus::{BusError, KvError, PublishError};
use muster_store::StoreError;

use super::{ApiError, Reason};
use crate::filter::FilterError;
use crate::page::PageError;

impl From<FilterError> for ApiError {
    fn from(error: FilterError) -> Self {
        let text = error.to_string();
        Self::new(Reason::FilterInvalid, format!("filter: {text}")).violation("filter", text)
    }
}

impl From<PageError> for ApiError {
    fn from(error: PageError) -> Self {
        let (reason, field) = match &error {
            PageError::NotOurs | PageError::Other => (Reason::PageTokenInvalid, "page_token"),
            PageError::Size(_) => (Reason::FieldInvalid, "page_size"),
        };
        Self::new(reason, error.to_string()).violation(field, error.to_string())
    }
}

impl From<ConvertError> for ApiError {
    fn from(error: ConvertError) -> Self {
        Self::field(error.field, error.problem)
    }
}

impl From<BusError> for ApiError {
    fn from(error: BusError) -> Self {
        Self::new(Reason::BusUnavailable, error.to_string()).retry_after(RETRY)
    }
}

impl From<KvError> for ApiError {
    fn from(error: KvError) -> Self {
        match error {
            KvError::Conflict { .. } => Self::new(Reason::RevisionConflict, error.to_string()),
            KvError::Failed { .. } => Self::new(Reason::BusUnavailable, error.to_string()).retry_after(RETRY),
        }
    }
}

impl From<PublishError> for ApiError {
    fn from(error: PublishError) -> Self {
        let text = error.to_string();
        match error {
            PublishError::Conflict { .. } => Self::new(Reason::RevisionConflict, text),
            PublishError::Full { .. } => Self::new(Reason::StreamFull, text).retry_after(RETRY_FULL),
            PublishError::Indefinite { .. } => Self::new(Reason::Indefinite, text).retry_after(RETRY),
            PublishError::TooLarge { .. } => Self::new(Reason::TooLarge, text),
            PublishError::Refused { .. } => Self::new(Reason::BusUnavailable, text),
        }
    }
}

/// An engine that restarts is back within seconds.
const RETRY: Duration = Duration::from_secs(2);
/// The recorder makes room once a minute at the latest.
const RETRY_FULL: Duration = Duration::from_secs(30);

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        // The store's errors complete "failed to …".
        let text = format!("failed to {error}");
        match error {
            StoreError::Deadline { .. } | StoreError::Cancelled { .. } => Self::new(Reason::Deadline, text),
            StoreError::Limit { .. } => Self::new(Reason::TooLarge, text),
            StoreError::Filter(error) => {
                Self::new(Reason::FilterInvalid, format!("filter: {error}")).violation("filter", error.to_string())
            }
            StoreError::Unreachable { .. }
            | StoreError::Authority { .. }
            | StoreError::TooOld { .. }
            | StoreError::OtherEngine { .. }
            | StoreError::WrongPassword { .. }
            | StoreError::MissingPermission { .. }
            | StoreError::SchemaMissing { .. }
            | StoreError::SchemaTooOld { .. }
            | StoreError::SchemaTooNew { .. }
            | StoreError::MigrationChanged { .. } => Self::new(Reason::StoreUnavailable, text).retry_after(RETRY),
            StoreError::Server { .. } | StoreError::Answer { .. } => Self::new(Reason::Internal, text),
        }
    }
}

//! Buckets: small records changed by compare-and-set.

use async_nats::jetstream::kv;
use bytes::Bytes;
use futures::StreamExt;
use thiserror::Error;

use crate::topology::Bucket;

/// A record and the revision it stands at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvEntry {
    /// Key.
    pub key: String,
    /// Value.
    pub value: Bytes,
    /// Revision: the expectation of the next change.
    pub revision: u64,
}

/// A change of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvChange {
    /// It has a value.
    Put(KvEntry),
    /// It is gone.
    Gone {
        /// Key.
        key: String,
    },
}

/// Why a record was not changed.
#[derive(Debug, Error)]
pub enum KvError {
    /// Somebody else changed it: read it again and decide again.
    #[error("failed to change {key} in bucket {bucket}: another process was first")]
    Conflict {
        /// Bucket.
        bucket: &'static str,
        /// Key.
        key: String,
    },
    /// No answer, or refused.
    #[error("failed to {action} {key} in bucket {bucket}: {cause}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// Bucket.
        bucket: &'static str,
        /// Key.
        key: String,
        /// Why.
        cause: String,
    },
}

/// A bucket.
#[derive(Debug, Clone)]
pub struct Kv {
    store: kv::Store,
    bucket: Bucket,
}

impl Kv {
    pub(crate) const fn new(store: kv::Store, bucket: Bucket) -> Self {
        Self { store, bucket }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn get(&self, key: &str) -> Result<Option<KvEntry>, KvError> {
        let entry = self.store.entry(key).await.map_err(|error| self.failed("read", key, &error))?;
        Ok(entry.and_then(|entry| match entry.operation {
            kv::Operation::Put => Some(KvEntry { key: entry.key, value: entry.value, revision: entry.revision }),
            kv::Operation::Delete | kv::Operation::Purge => None,
        }))
    }

    /// Makes a record that is not there.
    ///
    /// # Errors
    /// [`KvError::Conflict`] when it is.
    pub async fn create(&self, key: &str, value: Bytes) -> Result<u64, KvError> {
        self.store.create(key, value).await.map_err(|error| {
            if error.kind() == kv::CreateErrorKind::AlreadyExists {
                self.conflict(key)
            } else {
                self.failed("create", key, &error)
            }
        })
    }

    /// Changes a record that stands at a revision.
    ///
    /// # Errors
    /// [`KvError::Conflict`] when it stands at another.
    pub async fn update(&self, key: &str, value: Bytes, revision: u64) -> Result<u64, KvError> {
        self.store.update(key, value, revision).await.map_err(|error| {
            if error.kind() == kv::UpdateErrorKind::WrongLastRevision {
                self.conflict(key)
            } else {
                self.failed("change", key, &error)
            }
        })
    }

    /// Changes a record that stands at a revision, or makes it where there is none.
    ///
    /// # Errors
    /// [`KvError::Conflict`] when it stands at another.
    pub async fn set(&self, key: &str, value: Bytes, revision: Option<u64>) -> Result<u64, KvError> {
        match revision {
            Some(revision) => self.update(key, value, revision).await,
            None => self.create(key, value).await,
        }
    }

    /// Writes a record whatever stands there: for records with one writer.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn put(&self, key: &str, value: Bytes) -> Result<u64, KvError> {
        self.store.put(key, value).await.map_err(|error| self.failed("write", key, &error))
    }

    /// Removes a record.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn delete(&self, key: &str) -> Result<(), KvError> {
        self.store.delete(key).await.map_err(|error| self.failed("remove", key, &error))
    }

    /// Reads all records.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn all(&self) -> Result<Vec<KvEntry>, KvError> {
        let mut keys = self.store.keys().await.map_err(|error| self.failed("list", "*", &error))?;
        let mut entries = Vec::new();
        while let Some(key) = keys.next().await {
            let key = key.map_err(|error| self.failed("list", "*", &error))?;
            entries.extend(self.get(&key).await?);
        }
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(entries)
    }

    /// Every record as it stands, then every change. The stream ends when the connection is lost for good: ask again.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn watch(
        &self,
    ) -> Result<impl futures::Stream<Item = Result<KvChange, KvError>> + Send + use<>, KvError> {
        let watch = self.store.watch_with_history(">").await.map_err(|error| self.failed("watch", ">", &error))?;
        let this = self.clone();
        Ok(watch.map(move |entry| match entry {
            Ok(entry) => Ok(match entry.operation {
                kv::Operation::Put => {
                    KvChange::Put(KvEntry { key: entry.key, value: entry.value, revision: entry.revision })
                }
                kv::Operation::Delete | kv::Operation::Purge => KvChange::Gone { key: entry.key },
            }),
            Err(error) => Err(this.failed("watch", ">", &error)),
        }))
    }

    fn conflict(&self, key: &str) -> KvError {
        KvError::Conflict { bucket: self.bucket.name(), key: key.to_owned() }
    }

    fn failed(&self, action: &'static str, key: &str, error: &dyn std::error::Error) -> KvError {
        let cause = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        KvError::Failed { action, bucket: self.bucket.name(), key: key.to_owned(), cause }
    }
}

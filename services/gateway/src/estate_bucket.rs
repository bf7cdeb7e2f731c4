//! The estate as it stands: bucket `estate`, `<site>` → `EstateDocument`. It is the truth; the event that follows a
//! change is what others learn from. A crash between the two is mended at the next apply and at start.

use bytes::Bytes;
use muster_bus::{Kv, KvEntry};
use muster_kit::crash;
use muster_proto::v1::EstateDocument;
use prost::Message;

use crate::error::{Answer, ApiError, Reason};

/// A document and the revision of its record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) document: EstateDocument,
    /// Of the record in the bucket, not of the document.
    pub(crate) record: u64,
}

/// The bucket.
#[derive(Debug, Clone)]
pub(crate) struct EstateBucket {
    kv: Kv,
}

impl EstateBucket {
    pub(crate) const fn new(kv: Kv) -> Self {
        Self { kv }
    }

    /// The bucket itself, to follow it.
    pub(crate) fn kv(&self) -> Kv {
        self.kv.clone()
    }

    /// A site; removed ones too.
    pub(crate) async fn get(&self, site: &str) -> Answer<Option<Standing>> {
        self.kv.get(site).await?.map(|entry| read(&entry)).transpose()
    }

    /// Every site by name; removed ones too.
    pub(crate) async fn all(&self) -> Answer<Vec<Standing>> {
        self.kv.all().await?.iter().map(read).collect()
    }

    /// Replaces a document that stands at a record's revision, or makes it where there is none.
    pub(crate) async fn set(&self, document: &EstateDocument, record: Option<u64>) -> Answer<()> {
        crash::point("gateway.before-kv");
        self.kv.set(&document.site, Bytes::from(document.encode_to_vec()), record).await?;
        crash::point("gateway.after-kv");
        Ok(())
    }
}

fn read(entry: &KvEntry) -> Answer<Standing> {
    let document = EstateDocument::decode(entry.value.clone()).map_err(|error| {
        ApiError::new(Reason::Internal, format!("the record of site {:?} cannot be read: {error}", entry.key))
    })?;
    Ok(Standing { document, record: entry.revision })
}

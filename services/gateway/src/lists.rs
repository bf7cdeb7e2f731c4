//! What all list calls share: filter, sites, page.

use jiff::Timestamp;
use muster_store::query::{Ask, Column, List};
use muster_store::rows::{Id, Millis};

use crate::core::Core;
use crate::deadline::Deadline;
use crate::error::Answer;
use crate::filter;
use crate::guard::Access;
use crate::identity::Sites;
use crate::page::{self, Binding, PageError, Place};

/// What a list call asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Name of the call: its tokens are of no use to another.
    pub(crate) call: &'a str,
    pub(crate) filter: &'a str,
    pub(crate) page_size: i32,
    pub(crate) page_token: &'a str,
    /// As it stood then.
    pub(crate) as_of: Option<Timestamp>,
    /// What the filter may name.
    pub(crate) columns: &'static [Column],
}

/// A list that can be given to the store, and what its next page needs.
#[derive(Debug)]
pub(crate) struct Listing<K> {
    /// One row more than the page, to know whether there is another.
    pub(crate) list: List<K>,
    binding: Binding,
    seen_at: Timestamp,
    size: usize,
}

impl<K: Cursor> Listing<K> {
    /// Checks what was asked. All pages of a listing are seen from the instant of the first.
    ///
    /// # Errors
    /// When the filter, the size or the token is wrong.
    pub(crate) fn new(core: &Core, access: &Access, asked: Asked<'_>) -> Answer<Self> {
        let filter = filter::parse(asked.filter, asked.columns)?;
        let size = page::size(asked.page_size)?;
        let as_of = asked.as_of.map(|at| at.as_millisecond());
        let bound_as_of = as_of.map(|at| at.to_string()).unwrap_or_default();
        let binding = Binding::of(&[asked.call, asked.filter, &bound_as_of]);
        let place = core.page_key.open(binding, asked.page_token)?;
        let seen_at = place.as_ref().map_or_else(Timestamp::now, |place| place.as_of);
        let after = match &place {
            Some(place) => Some(K::decode(&place.cursor).ok_or(PageError::NotOurs)?),
            None => None,
        };
        let list = List {
            filter,
            sites: sites(access),
            after,
            limit: size + 1,
            as_of,
            now: seen_at.as_millisecond(),
            ask: ask(access.deadline()),
        };
        Ok(Self { list, binding, seen_at, size: size as usize })
    }

    /// The rows of the page, and the token of the next one; empty: there is none.
    pub(crate) fn page<R>(&self, core: &Core, mut rows: Vec<R>, key: impl Fn(&R) -> K) -> (Vec<R>, String) {
        if rows.len() <= self.size {
            return (rows, String::new());
        }
        rows.truncate(self.size);
        let token = rows.last().map(|last| {
            let place = Place { as_of: self.seen_at, cursor: key(last).encode() };
            core.page_key.seal(self.binding, &place)
        });
        (rows, token.unwrap_or_default())
    }
}

/// The sites that a query is limited to; `None`: all.
pub(crate) fn sites(access: &Access) -> Option<Vec<String>> {
    match access.sites() {
        Sites::All => None,
        Sites::Only(sites) => Some(sites.iter().cloned().collect()),
    }
}

/// A question that ends with the call.
pub(crate) fn ask(deadline: Deadline) -> Ask {
    Ask::within(deadline.left())
}

/// A key that travels in a page token.
pub(crate) trait Cursor: Sized {
    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// A part of a key: its length in two bytes, then itself.
trait Part: Sized {
    fn bytes(&self) -> Vec<u8>;
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl Part for String {
    fn bytes(&self) -> Vec<u8> {
        self.clone().into_bytes()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Self::from_utf8(bytes.to_vec()).ok()
    }
}

impl Part for Id {
    fn bytes(&self) -> Vec<u8> {
        self.to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}

impl Part for Millis {
    fn bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

fn put(out: &mut Vec<u8>, part: &impl Part) {
    let bytes = part.bytes();
    out.extend_from_slice(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&bytes);
}

fn take<P: Part>(bytes: &mut &[u8]) -> Option<P> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (part, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    *bytes = rest;
    P::read(part)
}

impl<A: Part, B: Part> Cursor for (A, B) {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, &self.0);
        put(&mut out, &self.1);
        out
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = (take(&mut bytes)?, take(&mut bytes)?);
        bytes.is_empty().then_some(key)
    }
}

impl<A: Part, B: Part, C: Part> Cursor for (A, B, C) {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, &self.0);
        put(&mut out, &self.1);
        put(&mut out, &self.2);
        out
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let key = (take(&mut bytes)?, take(&mut bytes)?, take(&mut bytes)?);
        bytes.is_empty().then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Id, Millis};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_reads_back(site in "[a-z-]{1,63}", id: Id, subject in "\\PC{0,80}", at: Millis) {
            let verdict = (site.clone(), id, subject.clone());
            prop_assert_eq!(<(String, Id, String)>::decode(&verdict.encode()), Some(verdict));
            prop_assert_eq!(<(Millis, Id)>::decode(&(at, id).encode()), Some((at, id)));
            prop_assert_eq!(<(Millis, String, String)>::decode(&(at, id).encode()), None);
        }

        #[test]
        fn any_bytes_are_a_key_or_none(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _either = <(String, Id)>::decode(&bytes);
        }
    }
}

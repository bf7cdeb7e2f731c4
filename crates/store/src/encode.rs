//! Values → columns in ClickHouse's Native format, which the server takes into its tables as they are.
//!
//! Rows that arrive in a row-oriented format are taken apart by the server, value by value, and each word of a
//! `LowCardinality` column is looked up in a dictionary there; that is two thirds of what an insert costs it. Here both
//! happen beside it, once a row. A column is little-endian integers, or strings behind their LEB128 lengths, or the
//! ends of arrays and then their items; see <https://clickhouse.com/docs/interfaces/formats/Native>. Every row type is
//! read back from a real server by the tests.

use std::collections::HashMap;
use std::net::Ipv6Addr;

use bytes::Bytes;
use foldhash::fast::RandomState;

/// The keys of a dictionary follow it, in this block.
/// `SerializationLowCardinality.cpp`: `HasAdditionalKeysBit | NeedUpdateDictionary`.
const ADDITIONAL_KEYS: u64 = 1 << 9 | 1 << 10;
/// `SharedDictionariesWithAdditionalKeys`, the only version that there is.
const DICTIONARY_VERSION: u64 = 1;
/// Shorter pieces are joined, so that none is sent alone.
const JOINED_BYTES: usize = 64 << 10;

/// A value that stands in one column.
pub trait Put {
    /// Appends it; returns by how many bytes, about, the column grew.
    fn put(&self, column: &mut Column) -> usize;
}

macro_rules! little_endian {
    ($($number:ty),+) => {$(
        impl Put for $number {
            #[inline]
            fn put(&self, column: &mut Column) -> usize {
                column.append(&self.to_le_bytes())
            }
        }
    )+};
}
little_endian!(u8, u16, u32, u64, i8, i16, i32, i64, f64);

impl Put for bool {
    #[inline]
    fn put(&self, column: &mut Column) -> usize {
        column.append(&[u8::from(*self)])
    }
}

/// `FixedString(N)`.
impl<const N: usize> Put for [u8; N] {
    #[inline]
    fn put(&self, column: &mut Column) -> usize {
        column.append(self)
    }
}

/// `IPv6`: 16 bytes in network order.
impl Put for Ipv6Addr {
    #[inline]
    fn put(&self, column: &mut Column) -> usize {
        column.append(&self.octets())
    }
}

/// `String`, which in ClickHouse is any bytes, or `LowCardinality(String)`.
impl Put for &[u8] {
    #[inline]
    fn put(&self, column: &mut Column) -> usize {
        match &mut column.dictionary {
            Some(dictionary) => dictionary.put(self),
            None => put_text(self, &mut column.bytes),
        }
    }
}

impl Put for &str {
    #[inline]
    fn put(&self, column: &mut Column) -> usize {
        self.as_bytes().put(column)
    }
}

impl Put for String {
    #[inline]
    fn put(&self, column: &mut Column) -> usize {
        self.as_bytes().put(column)
    }
}

/// `Array(T)`.
impl<T: Put> Put for Vec<T> {
    #[inline]
    fn put(&self, column: &mut Column) -> usize {
        let [items] = column.inner.as_mut_slice() else { return 0 };
        let mut grown = size_of::<u64>();
        for item in self {
            grown += item.put(items);
        }
        column.items += self.len() as u64;
        column.bytes.extend_from_slice(&column.items.to_le_bytes());
        grown
    }
}

/// `Tuple(A, B)`.
impl<A: Put, B: Put> Put for (A, B) {
    #[inline]
    fn put(&self, column: &mut Column) -> usize {
        let [a, b] = column.inner.as_mut_slice() else { return 0 };
        self.0.put(a) + self.1.put(b)
    }
}

/// `Tuple(A, B, C, D)`.
impl<A: Put, B: Put, C: Put, D: Put> Put for (A, B, C, D) {
    #[inline]
    fn put(&self, column: &mut Column) -> usize {
        let [a, b, c, d] = column.inner.as_mut_slice() else { return 0 };
        self.0.put(a) + self.1.put(b) + self.2.put(c) + self.3.put(d)
    }
}

/// The values of one column of a block, or of the items of its arrays.
#[derive(Debug, Default)]
pub struct Column {
    /// Values; of arrays, where each one ends.
    bytes: Vec<u8>,
    /// Of `LowCardinality(String)`.
    dictionary: Option<Dictionary>,
    /// Items in all arrays so far.
    items: u64,
    /// Of an array its items, of a tuple its elements.
    inner: Vec<Column>,
}

impl Column {
    /// An empty column of a type as it is declared: `Array(Tuple(String, DateTime64(3, 'UTC')))`.
    pub(crate) fn of(declared: &str) -> Self {
        let inside = |kind: &str| declared.strip_prefix(kind)?.strip_prefix('(')?.strip_suffix(')');
        if inside("LowCardinality").is_some() {
            return Self { dictionary: Some(Dictionary::default()), ..Self::default() };
        }
        let inner = match (inside("Array"), inside("Tuple")) {
            (Some(items), _) => vec![Self::of(items)],
            (None, Some(elements)) => parts(elements).into_iter().map(Self::of).collect(),
            (None, None) => Vec::new(),
        };
        Self { inner, ..Self::default() }
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) -> usize {
        self.bytes.extend_from_slice(bytes);
        bytes.len()
    }

    /// What stands before the values: the versions of the dictionaries.
    fn write_prefix(&self, out: &mut Chunks) {
        if self.dictionary.is_some() {
            out.extend(&DICTIONARY_VERSION.to_le_bytes());
        }
        for column in &self.inner {
            column.write_prefix(out);
        }
    }

    fn write_values(self, out: &mut Chunks) {
        if let Some(dictionary) = self.dictionary {
            return dictionary.write(out);
        }
        out.push(self.bytes);
        for column in self.inner {
            column.write_values(out);
        }
    }
}

/// The elements of a tuple's declaration.
fn parts(declared: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut parts) = (0_u32, 0, Vec::new());
    for (at, letter) in declared.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(declared[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(declared[begin..].trim());
    parts
}

/// The distinct words of a column, and which of them each value is.
#[derive(Debug, Default)]
struct Dictionary {
    /// Words behind their lengths, in the order they came.
    keys: Vec<u8>,
    words: HashMap<Box<[u8]>, Word, RandomState>,
    /// The newest value's: runs of one word are not looked up.
    newest: Option<Word>,
    values: Vec<u32>,
}

/// Its number, and where it stands in the keys.
#[derive(Debug, Clone, Copy)]
struct Word {
    number: u32,
    begin: usize,
    end: usize,
}

impl Dictionary {
    #[inline]
    fn put(&mut self, word: &[u8]) -> usize {
        let before = self.keys.len();
        let newest = match self.newest {
            Some(newest) if self.keys.get(newest.begin..newest.end) == Some(word) => newest,
            _ => self.look_up(word),
        };
        self.newest = Some(newest);
        self.values.push(newest.number);
        self.keys.len() - before + size_of::<u32>()
    }

    fn look_up(&mut self, word: &[u8]) -> Word {
        if let Some(found) = self.words.get(word) {
            return *found;
        }
        put_text(word, &mut self.keys);
        let end = self.keys.len();
        #[expect(clippy::cast_possible_truncation, reason = "a block has less than 2^32 rows")]
        let new = Word { number: self.words.len() as u32, begin: end - word.len(), end };
        self.words.insert(word.into(), new);
        new
    }

    /// How wide the numbers are, the words, the numbers.
    fn write(self, out: &mut Chunks) {
        if self.values.is_empty() {
            return;
        }
        let words = self.words.len();
        let width = if words <= 1 << 8 {
            0
        } else if words <= 1 << 16 {
            1
        } else {
            2
        };
        out.extend(&(ADDITIONAL_KEYS | width).to_le_bytes());
        out.extend(&(words as u64).to_le_bytes());
        out.push(self.keys);
        out.extend(&(self.values.len() as u64).to_le_bytes());
        let values = self.values.iter().map(|value| value.to_le_bytes());
        out.push(match width {
            0 => values.map(|[lowest, ..]| lowest).collect(),
            1 => values.flat_map(|[low, high, ..]| [low, high]).collect(),
            _ => values.flatten().collect(),
        });
    }
}

/// One block: how many columns and rows, and each column behind its name and type.
pub(crate) fn block<'a>(rows: usize, columns: impl ExactSizeIterator<Item = (&'a str, &'a str, Column)>) -> Vec<Bytes> {
    let mut out = Chunks::default();
    put_number(columns.len(), &mut out.joined);
    put_number(rows, &mut out.joined);
    for (name, declared, column) in columns {
        put_text(name.as_bytes(), &mut out.joined);
        put_text(declared.as_bytes(), &mut out.joined);
        column.write_prefix(&mut out);
        column.write_values(&mut out);
    }
    out.finish()
}

/// Bytes of a block: large columns as they are, what is small joined between them.
#[derive(Debug, Default)]
struct Chunks {
    done: Vec<Bytes>,
    joined: Vec<u8>,
}

impl Chunks {
    fn extend(&mut self, bytes: &[u8]) {
        self.joined.extend_from_slice(bytes);
    }

    fn push(&mut self, bytes: Vec<u8>) {
        if bytes.len() < JOINED_BYTES {
            self.extend(&bytes);
        } else {
            self.close();
            self.done.push(bytes.into());
        }
    }

    fn close(&mut self) {
        if !self.joined.is_empty() {
            self.done.push(std::mem::take(&mut self.joined).into());
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.close();
        self.done
    }
}

#[inline]
fn put_text(text: &[u8], out: &mut Vec<u8>) -> usize {
    let before = out.len();
    put_number(text.len(), out);
    out.extend_from_slice(text);
    out.len() - before
}

/// LEB128; a length under 128, which most are, is one byte.
#[inline]
fn put_number(number: usize, out: &mut Vec<u8>) {
    let mut rest = number as u64;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(declared: &str, put: impl Fn(&mut Column)) -> Vec<u8> {
        let mut column = Column::of(declared);
        put(&mut column);
        block(3, [("c", declared, column)].into_iter()).concat()
    }

    #[test]
    fn words_stand_once_and_values_name_them() {
        let block = bytes("LowCardinality(String)", |column| {
            for word in ["ssh", "ssh", "http"] {
                word.put(column);
            }
        });
        let mut expected = vec![1, 3, 1, b'c', 22];
        expected.extend(b"LowCardinality(String)");
        expected.extend(1_u64.to_le_bytes());
        expected.extend(0x600_u64.to_le_bytes());
        expected.extend(2_u64.to_le_bytes());
        expected.extend(b"\x03ssh\x04http");
        expected.extend(3_u64.to_le_bytes());
        expected.extend([0, 0, 1]);
        assert_eq!(block, expected);
    }

    #[test]
    fn numbers_of_words_are_as_wide_as_they_have_to_be() {
        for (words, width) in [(256_u32, 1), (257, 2), (65_536, 2), (65_537, 4)] {
            let mut dictionary = Dictionary::default();
            for word in 0..words {
                dictionary.put(&word.to_be_bytes());
            }
            let keys = dictionary.keys.len();
            let mut out = Chunks::default();
            dictionary.write(&mut out);
            assert_eq!(out.finish().concat().len(), 3 * 8 + keys + words as usize * width, "{words}");
        }
    }

    #[test]
    fn arrays_say_where_each_ends_and_then_their_items() {
        let block = bytes("Array(UInt8)", |column| {
            for items in [vec![1_u8, 2], vec![], vec![3]] {
                items.put(column);
            }
        });
        let values: Vec<u8> = [2_u64, 2, 3].into_iter().flat_map(u64::to_le_bytes).chain([1, 2, 3]).collect();
        assert!(block.ends_with(&values), "{block:?}");
    }

    #[test]
    fn declarations_are_taken_apart() {
        assert_eq!(parts("LowCardinality(String), String, DateTime64(3, 'UTC')").len(), 3);
        let column = Column::of("Array(Tuple(LowCardinality(String), String, DateTime64(3, 'UTC')))");
        let [tuple] = column.inner.as_slice() else { panic!("an array has items") };
        assert!(tuple.inner.len() == 3 && tuple.inner[0].dictionary.is_some() && tuple.inner[2].inner.is_empty());
    }
}

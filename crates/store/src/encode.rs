//! Values → RowBinary, ClickHouse's row-oriented binary format: little-endian integers, LEB128 lengths.
//!
//! Written by hand because a row passes here once for every observation of every sweep; the format of a column
//! is that of <https://clickhouse.com/docs/interfaces/formats/RowBinary>, and every row type is read back from a
//! real server by the tests.

use std::net::Ipv6Addr;

/// A value that stands in one column.
pub trait Put {
    /// Appends the column's bytes.
    fn put(&self, out: &mut Vec<u8>);
}

macro_rules! little_endian {
    ($($integer:ty),+) => {$(
        impl Put for $integer {
            #[inline]
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )+};
}
little_endian!(u8, u16, u32, u64, i8, i16, i32, i64);

impl Put for bool {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

/// `FixedString(N)`.
impl<const N: usize> Put for [u8; N] {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

/// `IPv6`: 16 bytes in network order.
impl Put for Ipv6Addr {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }
}

/// `String`, which in ClickHouse is any bytes.
impl Put for &[u8] {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        out.extend_from_slice(self);
    }
}

impl Put for &str {
    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }
}

impl Put for String {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }
}

/// `Array(T)`.
impl<T: Put> Put for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        put_length(self.len(), out);
        for item in self {
            item.put(out);
        }
    }
}

impl<A: Put, B: Put, C: Put, D: Put> Put for (A, B, C, D) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
        self.2.put(out);
        self.3.put(out);
    }
}

/// LEB128; a length under 128, which most are, is one byte.
#[inline]
fn put_length(length: usize, out: &mut Vec<u8>) {
    let mut rest = length as u64;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

//! Reading fields off bytes that somebody else wrote: whatever is missing is `None`.

/// What is left of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next so many bytes.
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// Big endian.
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// Big endian.
    pub(crate) fn u24(&mut self) -> Option<usize> {
        let [high, middle, low] = self.array()?;
        Some(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
    }

    /// Big endian.
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// Tag and content of the next element of BER or DER, with a definite length and a tag of one byte.
    pub(crate) fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let tag = self.u8()?;
        let length = match self.u8()? {
            length @ ..=0x7f => usize::from(length),
            0x81 => usize::from(self.u8()?),
            0x82 => usize::from(self.u16()?),
            0x83 => self.u24()?,
            0x84 => usize::try_from(self.u32()?).ok()?,
            _ => return None,
        };
        Some((tag, self.take(length)?))
    }

    /// What nobody has read yet.
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// A little-endian 16-bit field at a place.
pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// A little-endian 32-bit field at a place.
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// Where a needle stands.
pub(crate) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

/// UTF-16, little endian, as text of bounded length.
pub(crate) fn utf16(bytes: &[u8], max_chars: usize) -> String {
    let units = bytes.chunks_exact(2).map(|pair| pair.iter().rev().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
    let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    crate::clean(&text, max_chars)
}

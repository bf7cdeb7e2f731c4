//! Bytes looked for in a stream that arrives in pieces.

/// Counts occurrences of some bytes over the borders of the pieces.
#[derive(Debug)]
pub(super) struct Needle {
    bytes: Vec<u8>,
    /// The end of what was fed, one byte shorter than the needle, so that nothing is found twice.
    tail: Vec<u8>,
}

impl Needle {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, tail: Vec::new() }
    }

    /// How many occurrences end in this piece. No bytes occur once in every piece.
    pub(super) fn feed(&mut self, piece: &[u8]) -> usize {
        if self.bytes.is_empty() {
            return usize::from(!piece.is_empty());
        }
        let mut seen = std::mem::take(&mut self.tail);
        seen.extend_from_slice(piece);
        let found = seen.windows(self.bytes.len()).filter(|window| *window == self.bytes).count();
        let keep = seen.len().min(self.bytes.len() - 1);
        self.tail = seen.split_off(seen.len() - keep);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_once_wherever_the_pieces_are_cut() {
        let stream = b"..INSERT INTO..INSERT INTO.";
        for size in 1..stream.len() {
            let mut needle = Needle::new(b"INSERT INTO".to_vec());
            let found: usize = stream.chunks(size).map(|piece| needle.feed(piece)).sum();
            assert_eq!(found, 2, "pieces of {size}");
        }
    }

    #[test]
    fn no_bytes_are_found_in_every_piece() {
        let mut needle = Needle::new(Vec::new());
        assert_eq!(needle.feed(b"a") + needle.feed(b"") + needle.feed(b"b"), 2);
    }
}

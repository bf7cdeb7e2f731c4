//! SNMP version 3 as far as the discovery of the engine (RFC 3414, 4): a request without a user is answered with a report
//! that carries the engine's id. No community and no user is ever guessed.

use crate::reader::Reader;

/// RFC 3411, 5: 5 to 32 bytes.
const ENGINE_ID_MIN_BYTES: usize = 5;
const ENGINE_ID_MAX_BYTES: usize = 32;

/// A get request that wants a report.
#[must_use]
pub fn question() -> Vec<u8> {
    // Version 3; message id, 65,507 bytes at most, reportable, user security model; empty engine, boots, time and user;
    // an empty context and a get request without variables.
    let mut message = vec![0x30, 0x3a, 2, 1, 3, 0x30, 0x0f, 2, 2, 0x6d, 0x75, 2, 3, 0, 0xff, 0xe3, 4, 1, 4, 2, 1, 3];
    message.extend([4, 16, 0x30, 14, 4, 0, 2, 1, 0, 2, 1, 0, 4, 0, 4, 0, 4, 0]);
    message.extend([0x30, 18, 4, 0, 4, 0, 0xa0, 12, 2, 2, 0x6d, 0x75, 2, 1, 0, 2, 1, 0, 0x30, 0]);
    message
}

/// The engine's id out of a message of version 3.
#[must_use]
pub fn engine_id(reply: &[u8]) -> Option<&[u8]> {
    let (0x30, message) = Reader::new(reply).element()? else { return None };
    let mut fields = Reader::new(message);
    let (2, [3]) = fields.element()? else { return None };
    fields.element()?;
    let (4, security) = fields.element()? else { return None };
    let (0x30, security) = Reader::new(security).element()? else { return None };
    let (4, id) = Reader::new(security).element()? else { return None };
    (ENGINE_ID_MIN_BYTES..=ENGINE_ID_MAX_BYTES).contains(&id.len()).then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_question_is_whole_and_names_no_engine() {
        let asked = question();
        assert_eq!(asked.len(), usize::from(asked[1]) + 2);
        assert_eq!(engine_id(&asked), None);
        let report = [0x30, 0x15, 2, 1, 3, 0x30, 0, 4, 14, 0x30, 12, 4, 5, 0x80, 0, 0, 9, 1, 2, 1, 0, 2, 0];
        assert_eq!(engine_id(&report), Some([0x80, 0, 0, 9, 1].as_slice()));
    }

    proptest! {
        #[test]
        fn any_report_is_survived(tail in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = engine_id(&[[0x30, 50, 2, 1, 3, 0x30, 0, 4].as_slice(), &tail].concat());
        }
    }
}

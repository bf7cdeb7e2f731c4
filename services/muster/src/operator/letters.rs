//! Dead letters in every form of output.

use jiff::Timestamp;
use muster_kit::Failure;
use muster_proto::v1::DeadLetter;

use super::columns::LETTER;
use super::datum::Datum;
use super::output::Output;

/// A message of DEAD. One that is no letter has a reason and bytes, and did not come from anywhere.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    /// Its sequence in DEAD.
    pub(crate) sequence: u64,
    /// When it was put there.
    pub(crate) at: Timestamp,
    /// What it says.
    pub(crate) letter: DeadLetter,
}

impl Letter {
    fn datum(&self) -> Datum {
        let letter = &self.letter;
        let text = |text: &str| if text.is_empty() { Datum::Null } else { Datum::from(text) };
        let number = |number: u64| if number == 0 { Datum::Null } else { Datum::Unsigned(number) };
        let fields = [
            ("sequence", Datum::Unsigned(self.sequence)),
            ("at", Datum::Text(self.at.to_string())),
            ("stream", text(&letter.stream)),
            ("stream_sequence", number(letter.sequence)),
            ("subject", text(&letter.subject)),
            ("reader", text(&letter.reader)),
            ("reason", text(&letter.reason)),
            ("size_bytes", Datum::Unsigned(letter.payload_size_bytes)),
        ];
        Datum::Map(fields.map(|(name, value)| (name.to_owned(), value)).into())
    }
}

impl Output {
    /// Dead letters, without their bytes.
    pub(crate) fn letters(&mut self, letters: &[Letter]) -> Result<(), Failure> {
        if letters.is_empty() {
            self.say("no dead letters");
        }
        let letters: Vec<_> = letters.iter().map(Letter::datum).collect();
        self.list(&LETTER, &letters)
    }

    /// One, with its bytes: all that was kept of them.
    pub(crate) fn letter(&mut self, letter: &Letter) -> Result<(), Failure> {
        let hex = hex::encode(&letter.letter.payload);
        self.one(&LETTER, &letter.datum().with("payload_hex", Datum::Text(hex.clone())))?;
        self.line(&format!("payload hex      {hex}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{DeadLetter, Letter, Output, Timestamp};
    use crate::operator::Format;

    fn letters() -> [Letter; 2] {
        let letter = DeadLetter {
            stream: "EVENTS".to_owned(),
            sequence: 7,
            subject: "muster.v1.event.all.command.sweep".to_owned(),
            reader: "recorder".to_owned(),
            reason: "envelope without a proper body".to_owned(),
            payload: vec![0xca, 0xfe].into(),
            payload_size_bytes: 2,
        };
        let junk = DeadLetter {
            reason: "not a dead letter: \u{1b}[2J".to_owned(),
            payload: vec![0xff].into(),
            payload_size_bytes: 1,
            ..DeadLetter::default()
        };
        let at = Timestamp::UNIX_EPOCH;
        [Letter { sequence: 1, at, letter }, Letter { sequence: 2, at, letter: junk }]
    }

    fn listed(format: Format) -> String {
        let (mut output, data, _talk) = Output::captured(format, None);
        assert!(output.letters(&letters()).is_ok());
        data.text()
    }

    #[test]
    fn every_form_lists_what_is_no_letter_too() {
        let table = listed(Format::Table);
        assert_eq!(table.lines().count(), 3, "{table}");
        assert!(table.contains("recorder") && !table.contains('\u{1b}'), "{table}");
        assert_eq!(listed(Format::Jsonl).lines().count(), 2);
        assert!(listed(Format::Yaml).contains("stream: EVENTS"));
        assert!(
            listed(Format::Csv).starts_with("sequence,at,stream,stream_sequence,reader,reason,subject,size_bytes\n")
        );
        let all: serde_json::Value = serde_json::from_str(&listed(Format::Json)).unwrap_or_default();
        assert_eq!((&all[0]["stream_sequence"], &all[1]["stream"]), (&7.into(), &serde_json::Value::Null));
    }

    #[test]
    fn one_is_shown_with_its_bytes_in_the_form_that_was_asked_for() {
        let [letter, _] = letters();
        for (format, shown) in [
            (Format::Table, "payload hex      cafe\n"),
            (Format::Json, "\"payload_hex\": \"cafe\""),
            (Format::Jsonl, "\"payload_hex\":\"cafe\""),
            (Format::Yaml, "payload_hex: cafe"),
        ] {
            let (mut output, data, _talk) = Output::captured(format, None);
            assert!(output.letter(&letter).is_ok());
            assert!(data.text().contains(shown), "{}", data.text());
        }
    }
}

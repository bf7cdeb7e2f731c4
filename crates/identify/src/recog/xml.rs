//! The elements of an XML file, one after the other, with their lines.
//!
//! Of XML as much as Recog uses: elements, attributes, text, CDATA, comments, the five named references and those by
//! number. No document type, so that there are no entities to expand. White space in an attribute becomes a space, and
//! a line ends in `\n` (XML 1.0, 3.3.3 and 2.11).

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::error::Problem;

/// Attributes of one element: real ones have 8 at most.
const ATTRIBUTES_MAX: usize = 32;

/// Names and values of the attributes of an element, in order.
pub(super) type Attributes = Vec<(String, String)>;

/// What comes next in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Open { name: String, attributes: Attributes },
    Close,
    Text(String),
    End,
}

/// A file as pieces.
pub(super) struct Pieces<'a> {
    text: &'a str,
    reader: Reader<&'a [u8]>,
    line: u32,
    counted: usize,
}

/// The text of a file, with its lines ended as XML wants them.
pub(super) fn text_of(bytes: &[u8]) -> Result<Cow<'_, str>, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| Problem::NotUtf8 { at: error.valid_up_to() })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.contains('\r') {
        return Ok(Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")));
    }
    Ok(Cow::Borrowed(text))
}

impl<'a> Pieces<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = true;
        config.check_comments = true;
        Self { text, reader, line: 1, counted: 0 }
    }

    /// The line where the piece that was read last begins, or where the reader stopped.
    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// The next piece; comments and instructions are passed over.
    pub(super) fn next(&mut self) -> Result<Piece, Problem> {
        loop {
            self.count_lines();
            let event = self.reader.read_event().map_err(|error| Problem::Xml(error.to_string()))?;
            return Ok(match event {
                Event::Start(start) | Event::Empty(start) => open(&start)?,
                Event::End(_) => Piece::Close,
                Event::Text(text) => Piece::Text(text.into_inner().into_owned()),
                Event::CData(data) => Piece::Text(data.into_inner().into_owned()),
                Event::GeneralRef(reference) => Piece::Text(resolved(&format!("&{};", &*reference))?),
                Event::DocType(_) => return Err(Problem::DocumentType),
                Event::Eof => Piece::End,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => continue,
            });
        }
    }

    fn count_lines(&mut self) {
        let to = usize::try_from(self.reader.buffer_position()).unwrap_or(self.text.len());
        let passed = self.text.as_bytes().get(self.counted..to).unwrap_or_default();
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        self.counted = self.counted.max(to);
    }
}

fn open(start: &BytesStart<'_>) -> Result<Piece, Problem> {
    let mut attributes = Attributes::new();
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|error| Problem::Xml(error.to_string()))?;
        if attributes.len() == ATTRIBUTES_MAX {
            let (found, limit) = (ATTRIBUTES_MAX + 1, ATTRIBUTES_MAX);
            return Err(Problem::Limit { what: "attributes of an element", found, limit });
        }
        let name: &str = attribute.key.as_ref();
        if attributes.iter().any(|(other, _)| other == name) {
            return Err(Problem::Xml(format!("attribute {name} is there twice")));
        }
        let value = attribute.value.replace(['\n', '\t'], " ");
        attributes.push((name.to_owned(), resolved(&value)?));
    }
    let name: &str = start.name().into_inner();
    Ok(Piece::Open { name: name.to_owned(), attributes })
}

/// A text with its references replaced.
fn resolved(text: &str) -> Result<String, Problem> {
    unescape(text).map(Cow::into_owned).map_err(|error| Problem::Xml(error.to_string()))
}

//! A fingerprint file, read: what it may contain, how much of it, and what must fit together.

use std::sync::Arc;

use super::engine::{Engine, Lazy};
use super::error::{Error, Problem};
use super::fingerprint::{Content, Example, Fingerprint, Value};
use super::pattern::{self, Options, Pattern, Reading};
use super::table::Table;
use super::values::{
    VALUE_MAX_BYTES, base64, invalid, optional, options, param, plain_name, preference, required, within,
};
use super::xml::{Attributes, Piece, Pieces, text_of};

/// The largest real file has half a megabyte.
const FILE_MAX_BYTES: usize = 8 << 20;
/// The largest real file has 580.
const FINGERPRINTS_MAX: usize = 8_192;
/// The longest real one has 320 characters.
const PATTERN_MAX_BYTES: usize = 4_096;
/// The most that a real fingerprint has are 15.
const PARAMS_MAX: usize = 64;
/// Where a file does not say how much it is worth, the least that one may say.
const PREFERENCE_DEFAULT: f64 = 0.1;
/// The most that a real fingerprint has are 20.
const EXAMPLES_MAX: usize = 512;
/// The longest real one has 1,237 characters.
const EXAMPLE_MAX_BYTES: usize = 64 << 10;

/// Reads one file; `budget_bytes` is the memory that patterns may still take, and is counted down.
pub(super) fn file(name: &str, bytes: &[u8], budget_bytes: &mut usize) -> Result<Table, Error> {
    let whole = |problem| Error { file: name.to_owned(), line: 1, fingerprint: None, problem };
    within("bytes of a file", bytes.len(), FILE_MAX_BYTES).map_err(whole)?;
    let text = text_of(bytes).map_err(whole)?;
    let mut loader = Loader { pieces: Pieces::new(&text), stem: stem(name), fingerprint: None, budget_bytes };
    loader.file(name).map_err(|problem| Error {
        file: name.to_owned(),
        line: loader.pieces.line(),
        fingerprint: loader.fingerprint,
        problem,
    })
}

/// The name of a file without its folder and its ending.
fn stem(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.strip_suffix(".xml").unwrap_or(name)
}

struct Loader<'a> {
    pieces: Pieces<'a>,
    stem: &'a str,
    /// The fingerprint that is being read, for errors.
    fingerprint: Option<String>,
    budget_bytes: &'a mut usize,
}

/// The pattern of a fingerprint, by bytes and by characters.
struct Readings {
    bytes: Arc<Lazy>,
    characters: Arc<Lazy>,
    groups: u32,
}

impl Loader<'_> {
    fn file(&mut self, name: &str) -> Result<Table, Problem> {
        let attributes = self.root()?;
        let value = |name: &str| attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let preference = value("preference").map_or(Ok(PREFERENCE_DEFAULT), |text| preference(&text))?;
        let (mut fingerprints, mut bytes, mut characters) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match self.pieces.next()? {
                Piece::Open { name, attributes } if name == "fingerprint" => {
                    within("fingerprints of a file", fingerprints.len() + 1, FINGERPRINTS_MAX)?;
                    let (fingerprint, readings) = self.fingerprint(attributes)?;
                    fingerprints.push(fingerprint);
                    bytes.push(readings.bytes);
                    characters.push(readings.characters);
                }
                Piece::Open { name: element, .. } => {
                    return Err(Problem::Element { element, expected: "<fingerprint>" });
                }
                Piece::Text(text) => blank(&text)?,
                Piece::Close => break,
                Piece::End => return Err(ends_early()),
            }
        }
        self.nothing_more()?;
        Ok(Table {
            file: name.to_owned(),
            key: value("matches").unwrap_or_else(|| self.stem.to_owned()),
            protocol: value("protocol").map(|text| text.to_lowercase()),
            database_type: value("database_type"),
            preference,
            fingerprints,
            bytes: Engine::new(bytes).map_err(Problem::Compile)?,
            characters: Engine::new(characters).map_err(Problem::Compile)?,
        })
    }

    fn root(&mut self) -> Result<Attributes, Problem> {
        loop {
            match self.pieces.next()? {
                Piece::Open { name, attributes } if name == "fingerprints" => return Ok(attributes),
                Piece::Open { name: element, .. } => {
                    return Err(Problem::Element { element, expected: "<fingerprints>" });
                }
                Piece::Text(text) => blank(&text)?,
                Piece::Close | Piece::End => return Err(Problem::Xml("no <fingerprints>".to_owned())),
            }
        }
    }

    fn nothing_more(&mut self) -> Result<(), Problem> {
        loop {
            match self.pieces.next()? {
                Piece::Text(text) => blank(&text)?,
                Piece::End => return Ok(()),
                Piece::Open { name: element, .. } => {
                    return Err(Problem::Element { element, expected: "the end of the file" });
                }
                Piece::Close => return Err(Problem::Xml("an end without a beginning".to_owned())),
            }
        }
    }

    fn fingerprint(&mut self, attributes: Attributes) -> Result<(Fingerprint, Readings), Problem> {
        let line = self.pieces.line();
        let pattern = required(&attributes, "fingerprint", "pattern")?;
        self.fingerprint = Some(pattern.chars().take(120).collect());
        within("bytes of a pattern", pattern.len(), PATTERN_MAX_BYTES)?;
        let options = options(optional(&attributes, "flags").unwrap_or_default())?;
        let readings = self.compile(pattern, options)?;
        let mut read = Fingerprint {
            line,
            description: String::new(),
            pattern: pattern.to_owned(),
            params: Vec::new(),
            examples: Vec::new(),
        };
        loop {
            match self.pieces.next()? {
                Piece::Open { name, attributes } => self.child(&mut read, &name, attributes, readings.groups)?,
                Piece::Text(text) => blank(&text)?,
                Piece::Close => break,
                Piece::End => return Err(ends_early()),
            }
        }
        refers_to_what_is_there(&read)?;
        self.fingerprint = None;
        Ok((read, readings))
    }

    fn child(
        &mut self,
        read: &mut Fingerprint,
        name: &str,
        attributes: Attributes,
        groups: u32,
    ) -> Result<(), Problem> {
        match name {
            "description" => {
                let words = self.text("description", VALUE_MAX_BYTES)?;
                read.description = words.split_whitespace().collect::<Vec<_>>().join(" ");
                self.fingerprint = Some(read.description.chars().take(120).collect());
            }
            "example" => {
                within("examples of a fingerprint", read.examples.len() + 1, EXAMPLES_MAX)?;
                read.examples.push(self.example(attributes)?);
            }
            "param" => {
                within("parameters of a fingerprint", read.params.len() + 1, PARAMS_MAX)?;
                let param = param(&attributes, groups)?;
                match read.params.iter().find(|other| other.name == param.name) {
                    // Said again, as some real ones do.
                    Some(other) if other.value == param.value => {}
                    Some(_) => return Err(Problem::Contradiction(param.name)),
                    None => read.params.push(param),
                }
                blank(&self.text("param", VALUE_MAX_BYTES)?)?;
            }
            other => {
                let expected = "<description>, <example> or <param>";
                return Err(Problem::Element { element: other.to_owned(), expected });
            }
        }
        Ok(())
    }

    fn compile(&mut self, text: &str, options: Options) -> Result<Readings, Problem> {
        let refused = |refusal: pattern::Refusal| Problem::Pattern { at: refusal.at, problem: refusal.problem };
        let Pattern { hir: by_bytes, groups } = pattern::parse(text, options, Reading::Bytes).map_err(refused)?;
        let by_characters = pattern::parse(text, options, Reading::Characters).map_err(refused)?.hir;
        let same = by_bytes == by_characters;
        let (bytes, bytes_used) = Lazy::new(by_bytes).map_err(Problem::Compile)?;
        let (characters, characters_used) =
            if same { (Arc::clone(&bytes), 0) } else { Lazy::new(by_characters).map_err(Problem::Compile)? };
        let used = bytes_used + characters_used;
        within("bytes of memory for patterns", used, *self.budget_bytes)?;
        *self.budget_bytes -= used;
        Ok(Readings { bytes, characters, groups })
    }

    fn example(&mut self, attributes: Attributes) -> Result<Example, Problem> {
        let line = self.pieces.line();
        let text = self.text("example", EXAMPLE_MAX_BYTES)?;
        let content = match (optional(&attributes, "_filename"), optional(&attributes, "_encoding")) {
            (Some(name), _) => Content::File(format!("{}/{}", self.stem, plain_name(name)?)),
            (None, Some("base64")) => Content::Bytes(base64(&text)?),
            (None, Some(other)) => {
                return Err(invalid("example", "_encoding", format!("{other:?} is not known; there is base64")));
            }
            (None, None) => Content::Bytes(text.into_bytes()),
        };
        let attributes = attributes.into_iter().filter(|(name, _)| !matches!(&**name, "_encoding" | "_filename"));
        Ok(Example { line, content, attributes: attributes.collect() })
    }

    /// The text of an element that has nothing else, up to its end.
    fn text(&mut self, element: &'static str, limit: usize) -> Result<String, Problem> {
        let mut all = String::new();
        loop {
            match self.pieces.next()? {
                Piece::Text(text) => {
                    all.push_str(&text);
                    if all.len() > limit {
                        return Err(Problem::Limit { what: "bytes of a text", found: all.len(), limit });
                    }
                }
                Piece::Close => return Ok(all),
                Piece::Open { name, .. } => {
                    let expected = "only text";
                    return Err(Problem::Element { element: format!("{element}><{name}"), expected });
                }
                Piece::End => return Err(ends_early()),
            }
        }
    }
}

fn ends_early() -> Problem {
    Problem::Xml("the file ends before its elements do".to_owned())
}

fn blank(text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        Ok(())
    } else {
        Err(Problem::Xml("text outside of <description> and <example>".to_owned()))
    }
}

fn refers_to_what_is_there(fingerprint: &Fingerprint) -> Result<(), Problem> {
    for param in &fingerprint.params {
        let Value::Constant { references, .. } = &param.value else { continue };
        let known =
            |name: &str| name == "service.protocol" || fingerprint.params.iter().any(|other| other.name == name);
        if let Some(missing) = references.iter().find(|name| !known(name)) {
            return Err(Problem::Reference { parameter: param.name.clone(), missing: format!("{{{missing}}}") });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_take_more_memory_than_is_left_are_refused() {
        let file = |budget_bytes: &mut usize| {
            let patterns = "<fingerprint pattern='a.b'/>".repeat(10);
            super::file("own.xml", format!("<fingerprints>{patterns}</fingerprints>").as_bytes(), budget_bytes)
        };
        let mut left = 1 << 20;
        assert!(file(&mut left).is_ok());
        let used = (1 << 20) - left;
        assert!(file(&mut used.clone()).is_ok());
        let Err(error) = file(&mut (used - 1)) else { panic!("the last one does not fit") };
        assert!(matches!(error.problem, Problem::Limit { what: "bytes of memory for patterns", .. }), "{error}");
    }
}

//! Why a file is refused, and where.

/// What is wrong, in which file, where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {file}, line {line}{}: {problem}", of(fingerprint.as_deref()))]
pub struct Error {
    /// The file, as the caller named it.
    pub file: String,
    /// Line of the element, from 1.
    pub line: u32,
    /// Description of the fingerprint, or its pattern before that is read; at most 120 characters.
    pub fingerprint: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

fn of(fingerprint: Option<&str>) -> String {
    fingerprint.map(|text| format!(", fingerprint {text:?}")).unwrap_or_default()
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Something is larger, longer or more than any real file has.
    #[error("{what}: {found}, at most {limit} are read")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// How many there are, or how many were counted before the reader stopped.
        found: usize,
        /// How many are read.
        limit: usize,
    },
    /// The file is not UTF-8.
    #[error("byte {at} is not UTF-8; save the file as UTF-8")]
    NotUtf8 {
        /// Bytes before it.
        at: usize,
    },
    /// The file is not XML.
    #[error("not well-formed XML: {0}")]
    Xml(String),
    /// The file has a document type, which could define entities. Recog's have none.
    #[error("a document type is not read; remove the DOCTYPE")]
    DocumentType,
    /// An element that does not belong there.
    #[error("<{element}> where {expected} is expected")]
    Element {
        /// Its name.
        element: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// An attribute is missing or its value cannot be.
    #[error("attribute {attribute} of <{element}>: {problem}")]
    Attribute {
        /// Element that has it, or should.
        element: &'static str,
        /// Its name.
        attribute: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The pattern is wrong, or has what is not supported.
    #[error("the pattern at character {at}: {problem}")]
    Pattern {
        /// Characters before it.
        at: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// The pattern would take too much memory.
    #[error("the pattern cannot be compiled: {0}")]
    Compile(String),
    /// A parameter refers to something that the fingerprint does not have.
    #[error("parameter {parameter} refers to {missing}, which the fingerprint does not have")]
    Reference {
        /// Its name.
        parameter: String,
        /// A group or a parameter.
        missing: String,
    },
    /// A parameter is there twice, and not the same.
    #[error("parameter {0} is there twice, with different values")]
    Contradiction(String),
    /// An example says that it is base64, and is not.
    #[error("the example is not base64")]
    Base64,
}

//! YAML as a tree that knows its lines. Anchors, aliases and tags are refused, so a small file cannot grow.

use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, SpannedEventReceiver, StrInput};

use crate::limits::{DEPTH_MAX, FILE_BYTES_MAX, NODES_MAX};
use crate::problem::{Place, Problem, shown};

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A text, a number, a yes: what it means is the reader's business.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Names and values, in order, each name once.
    Map(Vec<Entry>),
}

/// A name and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) place: Place,
    pub(crate) node: Node,
}

impl Value {
    pub(crate) const fn what(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Text(_) => "a value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// The documents of a file; empty ones are left out.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Node>, Problem> {
    let mut builder = Builder { file: file.into(), open: Vec::new(), documents: Vec::new(), nodes: 0, failed: None };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > FILE_BYTES_MAX {
        let what = format!("{} bytes, an estate file has at most {FILE_BYTES_MAX}; split it", text.len());
        return Err(Problem::at(builder.place(1, 0), what));
    }
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    // The receiver cannot stop the parser, so events are pulled one by one.
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let mark = error.marker();
            Problem::at(builder.place(mark.line(), mark.col() + 1), format!("no YAML: {}", error.info()))
        })?;
        let end = matches!(event, Event::StreamEnd);
        builder.on_event(event, span);
        if let Some(problem) = builder.failed.take() {
            return Err(problem);
        }
        if end {
            break;
        }
    }
    Ok(builder.documents)
}

/// A list or mapping that is not closed yet.
enum Open {
    List(Place, Vec<Node>),
    Map(Place, Vec<Entry>, Option<(String, Place)>),
}

struct Builder {
    file: Arc<str>,
    open: Vec<Open>,
    documents: Vec<Node>,
    nodes: usize,
    failed: Option<Problem>,
}

impl<'input> SpannedEventReceiver<'input> for Builder {
    fn on_event(&mut self, event: Event<'input>, span: Span) {
        let place = self.place(span.start.line(), span.start.col() + 1);
        if let Err(problem) = self.take(event, place) {
            self.failed = Some(problem);
        }
    }
}

impl Builder {
    fn place(&self, line: usize, column: usize) -> Place {
        Place { file: Arc::clone(&self.file), line: line as u64, column: column as u64 }
    }

    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Problem> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
            Event::Alias(_) => Err(Problem::at(place, "aliases (*name) are not taken; write the value out")),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(&place, anchor, tag.is_some())?;
                let nothing = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let value = if nothing { Value::Null } else { Value::Text(text.into_owned()) };
                self.add(Node { place, value })
            }
            Event::SequenceStart(anchor, tag) => {
                self.count(&place, anchor, tag.is_some())?;
                self.descend(Open::List(place, Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.count(&place, anchor, tag.is_some())?;
                self.descend(Open::Map(place, Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(place, items)) => self.add(Node { place, value: Value::List(items) }),
                Some(Open::Map(place, entries, _)) => self.add(Node { place, value: Value::Map(entries) }),
                None => Ok(()),
            },
        }
    }

    fn count(&mut self, place: &Place, anchor: usize, tagged: bool) -> Result<(), Problem> {
        self.nodes += 1;
        if anchor != 0 {
            return Err(Problem::at(place.clone(), "anchors (&name) are not taken; write the value out"));
        }
        if tagged {
            return Err(Problem::at(place.clone(), "tags (!name) are not taken; leave it out"));
        }
        if self.nodes > NODES_MAX {
            return Err(Problem::at(place.clone(), format!("more than {NODES_MAX} values in one file; split it")));
        }
        Ok(())
    }

    fn descend(&mut self, open: Open) -> Result<(), Problem> {
        let (Open::List(place, _) | Open::Map(place, _, _)) = &open;
        if self.open.len() >= DEPTH_MAX {
            return Err(Problem::at(place.clone(), format!("nested deeper than {DEPTH_MAX} levels")));
        }
        if let Some(Open::Map(_, _, None)) = self.open.last() {
            return Err(Problem::at(place.clone(), "a list or mapping cannot be a name"));
        }
        self.open.push(open);
        Ok(())
    }

    fn add(&mut self, node: Node) -> Result<(), Problem> {
        match self.open.last_mut() {
            None => {
                if !matches!(node.value, Value::Null) {
                    self.documents.push(node);
                }
            }
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, name)) => match name.take() {
                Some((name, place)) => entries.push(Entry { name, place, node }),
                None => *name = Some(new_name(entries, node)?),
            },
        }
        Ok(())
    }
}

/// The name of the next entry.
fn new_name(entries: &[Entry], node: Node) -> Result<(String, Place), Problem> {
    // Far above the names of any mapping here; it keeps the search for repeated ones short.
    const NAMES_MAX: usize = 64;
    let Value::Text(name) = node.value else {
        return Err(Problem::at(node.place, "a name is missing before the colon"));
    };
    if let Some(first) = entries.iter().find(|entry| entry.name == name) {
        let what = format!("{} stands here a second time, first at {}", shown(&name), first.place);
        return Err(Problem::at(node.place, what));
    }
    if entries.len() >= NAMES_MAX {
        return Err(Problem::at(node.place, format!("more than {NAMES_MAX} names in one mapping")));
    }
    Ok((name, node.place))
}

//! `known_hosts`, `known_services`, `known_certs` and `known_devices` of Zeek, as its own lines (`#fields` names the
//! columns) or as one JSON object a line.

use jiff::Timestamp;

use super::{Seen, Sighting, address, mac};
use crate::node::{Node, rows};
use crate::problem::shown;
use crate::{Limits, Problem};

/// Columns of a log; `known_services` has five.
const COLUMNS_MAX: usize = 128;

pub(super) fn parse(text: &str, limits: Limits) -> Result<Seen, Problem> {
    let mut seen = Seen::default();
    let mut form = Form::default();
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        if line.starts_with('{') {
            json(number, line, limits, &mut seen)?;
        } else if let Some(head) = line.strip_prefix('#') {
            form.read(head).map_err(|what| Problem::at(number, what))?;
        } else {
            if form.fields.is_empty() {
                return Err(Problem::at(number, "a row before \"#fields\"; is it a log of Zeek?"));
            }
            let values: Vec<&str> = line.split(form.separator).take(COLUMNS_MAX).collect();
            let field = |name: &str| {
                let at = form.fields.iter().position(|own| own == name);
                let value = at.and_then(|at| values.get(at)).copied().unwrap_or_default();
                if value == form.unset || value == form.empty { String::new() } else { value.to_owned() }
            };
            take(number, field, limits, &mut seen)?;
        }
    }
    Ok(seen)
}

/// How rows are written, as the lines before them say.
#[derive(Debug)]
struct Form {
    separator: char,
    unset: String,
    empty: String,
    fields: Vec<String>,
}

impl Default for Form {
    fn default() -> Self {
        Self { separator: '\t', unset: "-".to_owned(), empty: "(empty)".to_owned(), fields: Vec::new() }
    }
}

impl Form {
    fn read(&mut self, head: &str) -> Result<(), String> {
        if let Some(separator) = head.strip_prefix("separator ") {
            let byte = separator.trim().strip_prefix("\\x").and_then(|digits| u8::from_str_radix(digits, 16).ok());
            let byte = byte.filter(u8::is_ascii).ok_or_else(|| format!("{} is no separator", shown(separator)))?;
            self.separator = char::from(byte);
            return Ok(());
        }
        let Some((name, value)) = head.split_once(self.separator) else { return Ok(()) };
        match name {
            "unset_field" => value.clone_into(&mut self.unset),
            "empty_field" => value.clone_into(&mut self.empty),
            "fields" => {
                self.fields = value.split(self.separator).take(COLUMNS_MAX).map(str::to_owned).collect();
                if !self.fields.iter().any(|field| matches!(field.as_str(), "host" | "mac")) {
                    return Err(
                        "there is no field \"host\"; known_hosts, known_services and known_certs are read".to_owned()
                    );
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn json(number: usize, line: &str, limits: Limits, seen: &mut Seen) -> Result<(), Problem> {
    let mut object = Vec::new();
    let one_line = Limits { rows: limits.row_values, ..limits };
    rows(line.as_bytes(), &[], one_line, &mut |_, name, value| object.push((name.to_owned(), value))).map_err(
        |problem| match problem {
            Problem::Malformed { column, ref what, .. } => {
                Problem::Malformed { line: number, column, what: what.clone() }
            }
            Problem::TooLarge { .. } | Problem::TooManyRows { .. } | Problem::Another { .. } => problem,
        },
    )?;
    let object = Node::Map(object);
    let field = |name: &str| match object.get(name) {
        Node::List(parts) => parts.iter().map(|part| part.text_by(&[])).collect::<Vec<_>>().join(","),
        other @ (Node::Null | Node::Text(_) | Node::Map(_)) => other.text_by(&[]).to_owned(),
    };
    take(number, field, limits, seen)
}

fn take(number: usize, field: impl Fn(&str) -> String, limits: Limits, seen: &mut Seen) -> Result<(), Problem> {
    let host = field("host");
    let address = address(&host);
    if address.is_none() && !host.is_empty() {
        seen.skip(number, format!("{} is no address of a host", shown(&host)));
        return Ok(());
    }
    let service = match (field("port_num"), field("port_proto")) {
        (port, _) if port.parse::<u16>().is_err() => None,
        (port, transport) => {
            let transport = if transport.is_empty() { "tcp".to_owned() } else { transport };
            Some(format!("{transport}/{port} {}", field("service").to_lowercase()).trim_end().to_owned())
        }
    };
    let certificate = Some(field("subject")).filter(|subject| !subject.is_empty());
    let (mac, at) = (mac(&field("mac")), instant(&field("ts")));
    seen.take(number, Sighting { address, mac, service, certificate, at, ..Sighting::default() }, limits)
}

/// Seconds with a fraction, or RFC 3339.
fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds: i32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Timestamp::new(seconds.parse().ok()?, nanoseconds).ok()
}

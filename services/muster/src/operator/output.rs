//! Data on standard output in the form that was asked for, talk on standard error.

mod csv;
mod document;
mod table;

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use clap::{Args, ValueEnum};
use muster_kit::{Exit, Failure};
use muster_lab::Listener;

use super::columns::{LISTENER, Noun};
use super::datum::Datum;

pub(crate) use document::{check_document, document};

/// A form of output. All forms of a noun are made from the same data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns that fit the terminal
    Table,
    /// All columns
    Wide,
    /// One JSON document with everything
    Json,
    /// One JSON object a line
    Jsonl,
    /// YAML with everything
    Yaml,
    /// Comma-separated values, all columns
    Csv,
    /// SARIF 2.1.0, for build pipelines; only of `muster gate`
    Sarif,
}

/// How the output shall look.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Form of the output
    #[arg(short = 'o', long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORM")]
    pub output: Format,
}

/// Where data and talk go, and in which form.
pub struct Output {
    format: Format,
    /// Columns of the terminal; `None`: as wide as it gets.
    width: Option<u16>,
    colour: bool,
    /// Whether somebody watches standard error.
    watched: bool,
    data: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output").field("format", &self.format).field("width", &self.width).finish_non_exhaustive()
    }
}

/// What was written to an [`Output::captured`].
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Everything so far.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    /// The standard streams. Colour only on a terminal and without `NO_COLOR` (<https://no-color.org>: set and not
    /// empty).
    #[must_use]
    pub fn standard(args: &OutputArgs) -> Self {
        let terminal = io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            format: args.output,
            width: if terminal { table::terminal_width() } else { None },
            colour: terminal && !plain,
            watched: io::stderr().is_terminal(),
            data: Box::new(io::stdout()),
            talk: Box::new(io::stderr()),
        }
    }

    /// Into memory: data and talk.
    #[must_use]
    pub fn captured(format: Format, width: Option<u16>) -> (Self, Captured, Captured) {
        let (data, talk) = (Captured::default(), Captured::default());
        let (to_data, to_talk) = (Box::new(data.clone()), Box::new(talk.clone()));
        (Self { format, width, colour: false, watched: false, data: to_data, talk: to_talk }, data, talk)
    }

    /// The form.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    pub(super) const fn watched(&self) -> bool {
        self.watched
    }

    /// Whether the form is for people.
    pub(super) const fn for_people(&self) -> bool {
        match self.format {
            Format::Table | Format::Wide => true,
            Format::Json | Format::Jsonl | Format::Yaml | Format::Csv | Format::Sarif => false,
        }
    }

    /// A line of talk. Nobody may be listening, and that is no failure.
    pub(super) fn say(&mut self, text: &str) {
        let _closed = writeln!(self.talk, "{text}");
    }

    /// A question, without a line end.
    fn ask(&mut self, text: &str) {
        let _closed = write!(self.talk, "{text}");
        let _closed = self.talk.flush();
    }

    /// Asks where somebody can answer; a script has said yes by calling.
    pub(super) fn agreed(&mut self, question: &str) -> bool {
        if !io::stdin().is_terminal() || !self.watched {
            return true;
        }
        self.ask(question);
        let mut line = String::new();
        io::stdin().read_line(&mut line).is_ok() && matches!(line.trim(), "y" | "Y" | "yes")
    }

    /// Text for people among the data; other forms have it in their fields.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Failure> {
        if self.for_people() {
            writeln!(self.data, "{text}")?;
        }
        Ok(())
    }

    /// Text as it is.
    pub(super) fn raw(&mut self, text: &str) -> Result<(), Failure> {
        self.data.write_all(text.as_bytes())?;
        Ok(self.data.flush()?)
    }

    /// A list.
    pub(super) fn list(&mut self, noun: &Noun, items: &[Datum]) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Wide => {
                let wide = self.format == Format::Wide;
                let text = table::rows(noun, items, wide, self.width, self.colour);
                self.raw(&text)
            }
            Format::Json => self.json(&Datum::List(items.to_vec())),
            Format::Jsonl => items.iter().try_for_each(|item| self.json_line(item)),
            Format::Yaml => self.raw(&serde_norway::to_string(items)?),
            Format::Csv => {
                let text = csv::rows(noun, items)?;
                self.raw(&text)
            }
            Format::Sarif => Err(no_sarif(noun.plural)),
        }
    }

    /// One thing: a table names each value on a line of its own.
    pub(super) fn one(&mut self, noun: &Noun, item: &Datum) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Wide => {
                let text = table::details(noun, item, self.width, self.colour);
                self.raw(&text)
            }
            Format::Json => self.json(item),
            Format::Jsonl => self.json_line(item),
            Format::Yaml => self.raw(&serde_norway::to_string(item)?),
            Format::Csv => {
                let text = csv::rows(noun, std::slice::from_ref(item))?;
                self.raw(&text)
            }
            Format::Sarif => Err(no_sarif(noun.plural)),
        }
    }

    /// The listeners of a lab, in the columns that a list of them has.
    ///
    /// # Errors
    /// When nobody reads.
    pub fn listeners(&mut self, listeners: &[Listener]) -> Result<(), Failure> {
        let text = |value: String| Datum::Text(value);
        let row = |listener: &Listener| {
            Datum::Map(vec![
                ("address".to_owned(), text(listener.address.to_string())),
                ("port".to_owned(), Datum::Unsigned(listener.port.into())),
                ("persona".to_owned(), text(listener.persona.name().to_owned())),
                // As the list has it: true or false.
                ("tls".to_owned(), text(listener.tls.to_string())),
            ])
        };
        let rows: Vec<Datum> = listeners.iter().map(row).collect();
        self.list(&LISTENER, &rows)
    }

    fn json(&mut self, value: &Datum) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)?;
        self.raw(&format!("{text}\n"))
    }

    pub(super) fn json_line(&mut self, value: &Datum) -> Result<(), Failure> {
        let text = serde_json::to_string(value)?;
        self.raw(&format!("{text}\n"))
    }
}

/// Refuses the form that build pipelines read.
pub(super) fn no_sarif(what: &str) -> Failure {
    Failure::message(Exit::Usage, format!("failed to write {what} as SARIF: only muster gate has it; use -o json"))
}

/// Whether a failure is only that nobody reads any more, as in `muster finding list | head`.
pub(super) fn reader_left(failure: &Failure) -> bool {
    failure
        .cause()
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

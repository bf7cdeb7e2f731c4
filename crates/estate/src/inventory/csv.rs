//! Inventory files: CSV (RFC 4180) in UTF-8, its columns named by the first row.
//!
//! Quoted fields may hold line breaks; a byte-order mark and CRLF are fine. Several addresses, MACs or names in one
//! field are separated by ";". `valid_from` and `valid_until` hold for all identifiers of their row.

use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};

use super::row::{Column, read_row};
use super::seen::Seen;
use crate::limits::{COLUMNS_MAX, ROWS_MAX};
use crate::model::Asset;
use crate::problem::{Collector, Place, Problem, Problems, hint, shown};

/// The assets of a file, in its order.
///
/// # Errors
/// With everything that is wrong with its rows, up to a bound, or the one thing that is wrong with its header.
pub fn read_csv(file: &str, bytes: &[u8]) -> Result<Vec<Asset>, Problems> {
    let file: Arc<str> = file.into();
    let at = |line| Place { file: Arc::clone(&file), line, column: 0 };
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Problem::at(at(1), "the file is UTF-16; save it as CSV in UTF-8").into());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut lines = Lines { bytes, passed: 0, line: 1 };
    let mut record = ByteRecord::new();
    let mut columns: Option<Vec<Column>> = None;
    let mut assets = Vec::new();
    let mut seen = Seen::by("line");
    let mut problems = Collector::default();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(Problem::at(at(lines.line), format!("no CSV: {error}")).into()),
        }
        let line = lines.of_record(record.position().map_or(0, csv::Position::byte));
        let Some(columns) = &columns else {
            columns = Some(read_header(&record).map_err(|what| Problem::at(at(line), what))?);
            continue;
        };
        if assets.len() as u64 >= ROWS_MAX {
            return Err(Problem::at(at(line), format!("more than {ROWS_MAX} rows")).into());
        }
        let read = read_row(columns, &record).and_then(|asset| seen.check(&asset, line).map(|()| asset));
        match read {
            Ok(asset) => assets.push(asset),
            Err(what) => problems.add(Problem::at(at(line), what)),
        }
        if problems.is_full() {
            break;
        }
    }
    if columns.is_none() {
        return Err(Problem::at(at(1), "the file is empty; its first row names the columns, \"key\" at least").into());
    }
    problems.finish()?;
    Ok(assets)
}

/// Which line a byte is on. The reader's own count is off after CRLF and after empty lines.
struct Lines<'a> {
    bytes: &'a [u8],
    passed: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line on which the record begins whose reading began at a byte: line ends before it are not part of it.
    fn of_record(&mut self, byte: u64) -> u64 {
        let start = usize::try_from(byte).unwrap_or(usize::MAX).clamp(self.passed, self.bytes.len());
        let rest = self.bytes.get(start..).unwrap_or_default();
        let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let upto = start + ends;
        let passed = self.bytes.get(self.passed..upto).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.passed = upto;
        self.line
    }
}

fn read_header(record: &ByteRecord) -> Result<Vec<Column>, String> {
    if record.len() > COLUMNS_MAX {
        return Err(format!("{} columns, at most {COLUMNS_MAX}", record.len()));
    }
    let mut columns: Vec<Column> = Vec::new();
    for field in record {
        let name = std::str::from_utf8(field).map_err(|_| "the header is not UTF-8; save the file as UTF-8")?.trim();
        if record.len() == 1 && name.contains([';', '\t']) {
            return Err("the columns are not separated by commas; save the file with commas".to_owned());
        }
        let Some(column) = Column::from_name(name) else {
            return Err(format!("unknown column {}{}", shown(name), hint(name, Column::names())));
        };
        if columns.contains(&column) {
            return Err(format!("column {name:?} stands twice"));
        }
        columns.push(column);
    }
    if !columns.contains(&Column::Key) {
        return Err("there is no column \"key\": the inventory's own key for an asset, unique in its site".to_owned());
    }
    Ok(columns)
}

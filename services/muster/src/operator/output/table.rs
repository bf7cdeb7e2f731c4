//! Tables without lines, so that they can be cut and searched.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table};

use crate::operator::columns::{Column, Noun, Tone};
use crate::operator::datum::Datum;
use crate::operator::text::visible;

/// Blanks between columns.
const GAP: u16 = 2;

/// How wide the terminal of standard output is.
pub(super) fn terminal_width() -> Option<u16> {
    Table::new().width()
}

/// Items below each other, one row each.
pub(super) fn rows(noun: &Noun, items: &[Datum], wide: bool, width: Option<u16>, colour: bool) -> String {
    if items.is_empty() {
        return String::new();
    }
    let columns: Vec<&Column> = noun.columns.iter().filter(|column| wide || !column.wide).collect();
    let mut table = bare(width, colour);
    table.set_header(columns.iter().map(|column| Cell::new(column.name.to_uppercase().replace('_', " "))));
    for item in items {
        table.add_row(columns.iter().map(|column| cell(column, item, colour)));
    }
    for (index, _) in columns.iter().enumerate().filter(|(_, column)| column.whole) {
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    lines(&mut table)
}

/// One item: name and value on each line, without what is not set.
pub(super) fn details(noun: &Noun, item: &Datum, width: Option<u16>, colour: bool) -> String {
    let mut table = bare(width, colour);
    for column in noun.columns {
        let value = column.text(item);
        if !value.is_empty() {
            let name = column.name.replace('_', " ");
            table.add_row([Cell::new(name), cell(column, item, colour)]);
        }
    }
    if let Some(column) = table.column_mut(0) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    lines(&mut table)
}

fn bare(width: Option<u16>, colour: bool) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.force_no_tty();
    if colour {
        table.enforce_styling();
    }
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table
}

fn cell(column: &Column, item: &Datum, colour: bool) -> Cell {
    let text = visible(&column.text(item));
    let tone = if colour { (column.tone)(&text) } else { Tone::Plain };
    let cell = Cell::new(if text.is_empty() { "-".to_owned() } else { text });
    match tone {
        Tone::Plain => cell,
        Tone::Good => cell.fg(Color::Green),
        Tone::Bad => cell.fg(Color::Red),
        Tone::Open => cell.fg(Color::Yellow),
    }
}

/// Two blanks between columns, none before the first, none at line ends.
fn lines(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

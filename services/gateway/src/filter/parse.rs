//! Recursive descent over the text, one byte position at a time; recursion is bounded by [`MAX_DEPTH`].

use muster_store::query::{Column, Compare, Filter};

use super::value::{Raw, comparison};
use super::{FilterError, MAX_BYTES, MAX_DEPTH, MAX_TERMS};

/// Reads a filter of a resource. An empty text is no filter.
///
/// # Errors
/// With the column and, for a field, the nearest one that is allowed.
pub fn parse(text: &str, columns: &'static [Column]) -> Result<Option<Filter>, FilterError> {
    if text.len() > MAX_BYTES {
        let problem = format!("a filter is at most {MAX_BYTES} bytes, this has {}", text.len());
        return Err(FilterError { column: 1, problem });
    }
    let mut parser = Parser { text, at: 0, columns, terms: 0 };
    parser.blank();
    if parser.rest().is_empty() {
        return Ok(None);
    }
    let filter = parser.conjunction(0)?;
    parser.blank();
    if parser.rest().starts_with(')') {
        return Err(parser.wrong("this parenthesis closes none"));
    }
    if !parser.rest().is_empty() {
        return Err(parser.wrong("expected AND, OR or the end"));
    }
    Ok(Some(filter))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    columns: &'static [Column],
    terms: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn blank(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn wrong(&self, problem: impl Into<String>) -> FilterError {
        self.wrong_at(self.at, problem)
    }

    fn wrong_at(&self, at: usize, problem: impl Into<String>) -> FilterError {
        let before = self.text.get(..at).unwrap_or(self.text);
        FilterError { column: before.chars().count() + 1, problem: problem.into() }
    }

    /// Takes a keyword that is not the beginning of a longer word.
    fn keyword(&mut self, word: &str) -> bool {
        self.blank();
        let Some(after) = self.rest().strip_prefix(word) else { return false };
        if after.starts_with(is_name) {
            return false;
        }
        self.at += word.len();
        true
    }

    fn conjunction(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.disjunction(depth)?];
        while self.keyword("AND") {
            parts.push(self.disjunction(depth)?);
        }
        Ok(join(parts, Filter::And))
    }

    fn disjunction(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.term(depth)?];
        while self.keyword("OR") {
            parts.push(self.term(depth)?);
        }
        Ok(join(parts, Filter::Or))
    }

    fn term(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth >= MAX_DEPTH {
            return Err(self.wrong(format!("nested deeper than {MAX_DEPTH}")));
        }
        self.blank();
        if self.keyword("NOT") {
            return Ok(Filter::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.rest().starts_with('-') {
            self.at += 1;
            return Ok(Filter::Not(Box::new(self.term(depth + 1)?)));
        }
        let open = self.at;
        if self.rest().starts_with('(') {
            self.at += 1;
            let inside = self.conjunction(depth + 1)?;
            self.blank();
            if self.rest().is_empty() {
                return Err(self.wrong_at(open, "this parenthesis is not closed"));
            }
            if !self.rest().starts_with(')') {
                return Err(self.wrong("expected AND, OR or a closing parenthesis"));
            }
            self.at += 1;
            return Ok(inside);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Filter, FilterError> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return Err(self.wrong(format!("more than {MAX_TERMS} comparisons")));
        }
        let column = self.column()?;
        self.blank();
        let place = self.at;
        let op = self.operator(column)?;
        self.blank();
        let value_at = self.at;
        let raw = self.raw()?;
        comparison(column, op, &raw).map_err(|problem| {
            let at = if problem.about_operator { place } else { value_at };
            self.wrong_at(at, problem.text)
        })
    }

    fn column(&mut self) -> Result<&'static Column, FilterError> {
        let rest = self.rest();
        let name = rest.get(..rest.find(|c| !is_name(c)).unwrap_or(rest.len())).unwrap_or_default();
        if name.is_empty() {
            return Err(self.wrong(format!("expected a field: {}", self.allowed())));
        }
        let Some(column) = self.columns.iter().find(|column| column.name == name) else {
            return Err(self.unknown(name));
        };
        self.at += name.len();
        Ok(column)
    }

    fn unknown(&self, name: &str) -> FilterError {
        let shown: String = name.chars().take(64).collect();
        let nearest = self
            .columns
            .iter()
            .map(|column| (strsim::damerau_levenshtein(column.name, &shown), column.name))
            .min()
            .filter(|(distance, nearest)| *distance <= nearest.len().div_ceil(2));
        let hint = nearest.map(|(_, nearest)| format!("did you mean {nearest:?}? ")).unwrap_or_default();
        self.wrong(format!("no field {shown:?} here; {hint}allowed: {}", self.allowed()))
    }

    fn allowed(&self) -> String {
        self.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }

    fn operator(&mut self, column: &Column) -> Result<Compare, FilterError> {
        // Longest first.
        const OPERATORS: [(&str, Compare); 7] = [
            ("!=", Compare::NotEqual),
            ("<=", Compare::LessOrEqual),
            (">=", Compare::GreaterOrEqual),
            ("=", Compare::Equal),
            ("<", Compare::Less),
            (">", Compare::Greater),
            (":", Compare::Has),
        ];
        for (text, op) in OPERATORS {
            if self.rest().starts_with(text) {
                self.at += text.len();
                return Ok(op);
            }
        }
        Err(self.wrong(format!("expected =, !=, <, <=, >, >= or : after {}", column.name)))
    }

    fn raw(&mut self) -> Result<Raw, FilterError> {
        let open = self.at;
        let quote = match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => quote,
            Some(_) => return self.bare(),
            None => return Err(self.wrong("expected a value")),
        };
        let mut text = String::new();
        let mut escaped = false;
        for (offset, c) in self.rest().char_indices().skip(1) {
            if escaped {
                text.push(c);
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == quote {
                self.at = open + offset + 1;
                return Ok(Raw { text, quoted: true });
            } else {
                text.push(c);
            }
        }
        Err(self.wrong_at(open, "this quotation mark is not closed"))
    }

    fn bare(&mut self) -> Result<Raw, FilterError> {
        let rest = self.rest();
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '\'')).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        if word.is_empty() {
            return Err(self.wrong("expected a value"));
        }
        self.at += end;
        Ok(Raw { text: word.to_owned(), quoted: false })
    }
}

fn join(mut parts: Vec<Filter>, make: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            make(parts)
        }
        None => make(parts),
    }
}

const fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

//! Recog's format, from outside: patterns, files, the search, and the real files.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod data;
mod files;
mod patterns;
mod search;

/// A text as the value of an attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\n' | '\t' | '\r' => escaped.push_str(&format!("&#{};", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

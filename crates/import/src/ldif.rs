//! LDIF (RFC 2849): entries of a directory as text, as `ldapsearch` and `ldifde` write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::directory::{Entry, assets};
use crate::found::{Imported, Mapping, Skipped};
use crate::{Limits, Problem};

/// The computers of a file.
///
/// # Errors
/// When it is no LDIF, or beyond the bounds.
pub fn parse(bytes: &[u8], mapping: &Mapping, limits: Limits) -> Result<Imported, Problem> {
    let (entries, skipped) = entries(bytes, limits)?;
    let mut imported = assets(&entries, mapping);
    imported.skipped.splice(..0, skipped);
    Ok(imported)
}

/// The entries of a file, and what was left out: values that stand elsewhere, and changes that add nothing.
///
/// # Errors
/// When it is no LDIF, or beyond the bounds.
pub fn entries(bytes: &[u8], limits: Limits) -> Result<(Vec<Entry>, Vec<Skipped>), Problem> {
    limits.check_bytes(bytes)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut entries, mut skipped) = (Vec::new(), Vec::new());
    let mut open: Vec<(usize, Vec<u8>)> = Vec::new();
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    // The empty line behind the last closes the last entry.
    for (number, line) in (1..).zip(lines.chain([b"".as_slice()])) {
        match line {
            [] => {
                let Some(entry) = entry(&std::mem::take(&mut open), &mut skipped, limits)? else { continue };
                if entries.len() >= limits.rows {
                    return Err(Problem::TooManyRows { place: entry.place, max: limits.rows });
                }
                entries.push(entry);
            }
            [b' ', rest @ ..] => match open.last_mut() {
                Some((_, unfolded)) => unfolded.extend_from_slice(rest),
                None => return Err(Problem::at(number, "a continued line where none begins")),
            },
            line => {
                if open.len() > limits.row_values {
                    return Err(Problem::at(number, format!("more than {} lines in one entry", limits.row_values)));
                }
                open.push((number, line.to_vec()));
            }
        }
    }
    Ok((entries, skipped))
}

/// The entry of unfolded lines; none where they are comments, the version, or a change of something else.
fn entry(lines: &[(usize, Vec<u8>)], skipped: &mut Vec<Skipped>, limits: Limits) -> Result<Option<Entry>, Problem> {
    let mut entry = Entry::default();
    let mut began = false;
    for (number, line) in lines {
        if line.starts_with(b"#") {
            continue;
        }
        let place = || format!("line {number}");
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            // The form of a change separates its parts so.
            if line == b"-" && began {
                continue;
            }
            return Err(Problem::at(*number, "there is no \":\"; is the file LDIF?"));
        };
        let (name, rest) = line.split_at(colon);
        let name = std::str::from_utf8(name).map_err(|_| Problem::at(*number, "a name that is not UTF-8"))?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-;._".contains(&byte)) {
            return Err(Problem::at(*number, "a name of an attribute has letters, digits, \"-\" and \";\" only"));
        }
        let value = match rest {
            [b':', b'<', ..] => {
                skipped.push(Skipped { place: place(), reason: format!("{name}: a value by URL is not fetched") });
                continue;
            }
            [b':', b':', text @ ..] => STANDARD
                .decode(text.trim_ascii())
                .map_err(|error| Problem::at(*number, format!("{name} is no base64: {error}")))?,
            [b':', text @ ..] => text.trim_ascii_start().to_vec(),
            _ => Vec::new(),
        };
        if !began {
            match name.to_ascii_lowercase().as_str() {
                "version" | "search" | "result" | "ref" => continue,
                "dn" => {}
                _ => return Err(Problem::at(*number, format!("an entry begins with \"dn:\", not with {name:?}"))),
            }
            began = true;
            entry.place = place();
            entry.dn = String::from_utf8(value).map_err(|_| Problem::at(*number, "the dn is not UTF-8"))?;
            continue;
        }
        if name.eq_ignore_ascii_case("changetype") && !value.eq_ignore_ascii_case(b"add") {
            skipped.push(Skipped { place: place(), reason: "a change that adds no entry".to_owned() });
            return Ok(None);
        }
        if entry.attributes.len() >= limits.row_values {
            return Err(Problem::at(*number, format!("more than {} values in one entry", limits.row_values)));
        }
        entry.attributes.push((name.to_owned(), value));
    }
    Ok(began.then_some(entry))
}

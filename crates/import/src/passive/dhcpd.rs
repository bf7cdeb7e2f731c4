//! `dhcpd.leases` of ISC DHCP (dhcpd.leases(5)): a log, in which the last word about an address is the one that holds.
//!
//! Leases of every state are sightings: whoever had one was there. What was never given to anybody is left out.

use std::collections::HashMap;
use std::iter::Peekable;
use std::str::CharIndices;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{Seen, Sighting, address, mac, name};
use crate::problem::shown;
use crate::{Limits, Problem};

/// Blocks inside blocks: a lease stands at the top, an `iaaddr` inside an `ia-na`.
const DEPTH_MAX: usize = 8;
/// Words of one statement; `on commit` scripts are the longest.
const WORDS_MAX: usize = 1_000;

#[derive(Debug, PartialEq)]
enum Token {
    Word(String),
    Open,
    Close,
    End,
}

/// Words, quoted texts and punctuation, with their lines.
struct Tokens<'a> {
    text: Peekable<CharIndices<'a>>,
    line: usize,
}

impl Tokens<'_> {
    fn next(&mut self) -> Result<Option<(usize, Token)>, Problem> {
        loop {
            let line = self.line;
            let Some((_, letter)) = self.text.next() else { return Ok(None) };
            let token = match letter {
                '\n' => {
                    self.line += 1;
                    continue;
                }
                letter if letter.is_whitespace() => continue,
                '#' => {
                    while self.text.next_if(|(_, letter)| *letter != '\n').is_some() {}
                    continue;
                }
                '{' => Token::Open,
                '}' => Token::Close,
                ';' => Token::End,
                '"' => Token::Word(self.quoted(line)?),
                letter => {
                    let mut word = String::from(letter);
                    let inside =
                        |letter: char| !letter.is_whitespace() && !matches!(letter, '{' | '}' | ';' | '"' | '#');
                    while let Some((_, letter)) = self.text.next_if(|(_, letter)| inside(*letter)) {
                        word.push(letter);
                    }
                    Token::Word(word)
                }
            };
            return Ok(Some((line, token)));
        }
    }

    /// The rest of a quoted text. `\` and three octal digits are a byte; here a byte is the letter of its number.
    fn quoted(&mut self, line: usize) -> Result<String, Problem> {
        let mut text = String::new();
        let unclosed = || Problem::at(line, "a quoted text that does not end");
        loop {
            let (_, letter) = self.text.next().ok_or_else(unclosed)?;
            match letter {
                '"' => return Ok(text),
                '\n' => return Err(unclosed()),
                '\\' => {
                    let mut byte = 0_u32;
                    let mut digits = 0;
                    while digits < 3
                        && let Some((_, digit)) = self.text.next_if(|(_, letter)| letter.is_digit(8))
                    {
                        byte = byte * 8 + digit.to_digit(8).unwrap_or(0);
                        digits += 1;
                    }
                    if digits > 0 {
                        text.push(char::from(u8::try_from(byte & 0xff).unwrap_or(0)));
                    } else {
                        text.push(self.text.next().ok_or_else(unclosed)?.1);
                    }
                }
                letter => text.push(letter),
            }
        }
    }
}

pub(super) fn parse(text: &str, limits: Limits) -> Result<Seen, Problem> {
    let mut tokens = Tokens { text: text.char_indices().peekable(), line: 1 };
    let mut seen = Seen::default();
    // Of a lease that stands several times the last one counts; it has the place of the first.
    let mut places: HashMap<(Option<std::net::IpAddr>, Option<String>), usize> = HashMap::new();
    let mut lease: Option<(usize, Sighting)> = None;
    let mut words: Vec<String> = Vec::new();
    let mut depth = 0_usize;
    while let Some((line, token)) = tokens.next()? {
        match token {
            Token::Word(word) => {
                if words.len() >= WORDS_MAX {
                    return Err(Problem::at(line, format!("more than {WORDS_MAX} words in one statement")));
                }
                words.push(word);
            }
            Token::Open => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(Problem::at(line, "blocks that are nested too deep"));
                }
                match words.first().map(String::as_str) {
                    Some("lease") if depth == 1 => {
                        let text = words.get(1).map(String::as_str).unwrap_or_default();
                        match address(text) {
                            Some(address) => {
                                lease = Some((line, Sighting { address: Some(address), ..Sighting::default() }))
                            }
                            None => seen.skip(line, format!("{} is no address of a host", shown(text))),
                        }
                    }
                    Some("ia-na" | "ia-ta" | "ia-pd") if depth == 1 => seen.skip(line, "leases of DHCPv6 are not read"),
                    _ => {}
                }
                words.clear();
            }
            Token::End => {
                if let (Some((_, sighting)), 1) = (&mut lease, depth) {
                    statement(&words, sighting);
                }
                words.clear();
            }
            Token::Close => {
                let Some(outer) = depth.checked_sub(1) else {
                    return Err(Problem::at(line, "a \"}\" that closes nothing"));
                };
                depth = outer;
                words.clear();
                let Some((line, sighting)) = (depth == 0).then(|| lease.take()).flatten() else { continue };
                if sighting.mac.is_none() && sighting.client_id.is_none() {
                    seen.skip(line, "the lease was nobody's");
                    continue;
                }
                let key = (sighting.address, sighting.mac.clone().or_else(|| sighting.client_id.clone()));
                match places.get(&key).and_then(|place| seen.sightings.get_mut(*place)) {
                    Some(before) => *before = Sighting { place: format!("line {line}"), ..sighting },
                    None => {
                        places.insert(key, seen.sightings.len());
                        seen.take(line, sighting, limits)?;
                    }
                }
            }
        }
    }
    if depth > 0 {
        return Err(Problem::at(tokens.line, "the file ends inside a block; was it cut off?"));
    }
    Ok(seen)
}

/// What a statement says about its lease.
fn statement(words: &[String], sighting: &mut Sighting) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["hardware", _, hardware] => sighting.mac = mac(hardware),
        ["uid", uid] if uid.contains(':') && uid.chars().all(|letter| letter.is_ascii_hexdigit() || letter == ':') => {
            sighting.client_id = Some(uid.to_ascii_lowercase());
        }
        ["uid", uid] => {
            let bytes = uid.chars().map(|letter| format!("{:02x}", u32::from(letter) & 0xff));
            sighting.client_id = Some(bytes.collect::<Vec<_>>().join(":")).filter(|id| !id.is_empty());
        }
        ["client-hostname", host] => sighting.name = name(host),
        // The last time that the client spoke says more than when its lease began.
        ["cltt", when @ ..] => sighting.at = instant(when).or(sighting.at),
        ["starts", when @ ..] => sighting.at = sighting.at.or_else(|| instant(when)),
        _ => {}
    }
}

/// `4 2026/01/01 12:00:00` in UTC, or `epoch 1767268800`.
fn instant(words: &[&str]) -> Option<Timestamp> {
    match words {
        ["epoch", seconds] => Timestamp::from_second(seconds.parse().ok()?).ok(),
        [_, day, time] => {
            let civil: DateTime = format!("{}T{time}", day.replace('/', "-")).parse().ok()?;
            civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
        }
        _ => None,
    }
}

//! A Ruby regular expression as the tree that our engine compiles.
//!
//! Recog's patterns are written for Ruby (Onigmo, doc/RE of its distribution), whose syntax looks like that of the
//! engine and is not:
//!
//! | Ruby | here |
//! |---|---|
//! | `^` and `$` | always stand at lines |
//! | `(?m)`, `REG_MULTILINE` | a dot that also matches the newline |
//! | `a(?i)b\|c` | the option reaches to the end of the group, alternatives and all: `a(?i:b\|c)` |
//! | `\d`, `\w`, `\s`, `\h` | ASCII; `\h` is a hexadecimal digit |
//! | `{n}?` | optional, not lazy; `{,n}` begins at none; a brace that is no interval is itself |
//! | named groups | make the others not capture |
//!
//! Look-around, back-references, atomic and possessive forms, and `\p{…}` are refused by name: no pattern of Recog has
//! them, and without them every search is linear in the text. Case is folded character by character ("ß" is not "ss").
//! `[[:alpha:]]` and its like are of ASCII, which is narrower than Ruby's for texts of UTF-8; no pattern of Recog has
//! one. Behind the first atom of a pattern, `^` also stands at the end of a text that ends in a newline, where Ruby's
//! does not.

mod class;
mod escape;
mod repetition;

use regex_syntax::hir::{Capture, Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange};
use regex_syntax::hir::{Dot, Hir, Look};

/// Groups and classes within one another: real patterns have 5 at most, and the parser is recursive.
const DEPTH_MAX: u32 = 48;

/// What a dot, a class and the case of a letter are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The text is UTF-8.
    Characters,
    /// It is not, or is all ASCII, where both readings are the same.
    Bytes,
}

/// Options, which hold from where they stand to the end of their group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) ignore_case: bool,
    pub(super) dot_is_all: bool,
    extended: bool,
}

/// Where a pattern is wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Characters before it.
    pub(super) at: usize,
    pub(super) problem: &'static str,
}

/// A pattern, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) hir: Hir,
    /// Groups that capture.
    pub(super) groups: u32,
}

/// Reads a pattern.
pub(super) fn parse(pattern: &str, options: Options, reading: Reading) -> Result<Pattern, Refusal> {
    let chars: Vec<char> = pattern.chars().collect();
    let named = has_named_groups(&chars);
    let mut parser = Parser { chars, at: 0, reading, groups: 0, named, depth: 0 };
    let hir = parser.alternatives(options)?;
    if parser.peek().is_some() {
        return parser.refuse("a parenthesis closes nothing");
    }
    Ok(Pattern { hir, groups: parser.groups })
}

/// Whether there is a `(?<name>` or `(?'name'`.
fn has_named_groups(chars: &[char]) -> bool {
    let mut escaped = false;
    (0..chars.len()).any(|at| {
        let begins = match chars.get(at..) {
            Some(['(', '?', '<', next, ..]) => !matches!(next, '=' | '!'),
            Some(['(', '?', '\'', ..]) => true,
            Some(_) | None => false,
        };
        let found = begins && !escaped;
        escaped = !escaped && chars.get(at) == Some(&'\\');
        found
    })
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    reading: Reading,
    groups: u32,
    named: bool,
    depth: u32,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    /// Takes a text if it is what comes next.
    fn take(&mut self, text: &str) -> bool {
        let found = text.chars().zip(self.at..).all(|(c, at)| self.chars.get(at) == Some(&c));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    fn refuse<T>(&self, problem: &'static str) -> Result<T, Refusal> {
        Err(Refusal { at: self.at, problem })
    }

    fn deeper(&mut self) -> Result<(), Refusal> {
        self.depth += 1;
        if self.depth > DEPTH_MAX { self.refuse("more than 48 groups within one another") } else { Ok(()) }
    }

    /// Alternatives, up to the end of the group or of the pattern.
    fn alternatives(&mut self, options: Options) -> Result<Hir, Refusal> {
        self.deeper()?;
        let mut branches = vec![self.branch(options)?];
        while self.take("|") {
            branches.push(self.branch(options)?);
        }
        self.depth -= 1;
        Ok(Hir::alternation(branches))
    }

    fn branch(&mut self, options: Options) -> Result<Hir, Refusal> {
        let mut parts = Vec::new();
        loop {
            self.skip_layout(options);
            match self.peek() {
                None | Some(')' | '|') => return Ok(Hir::concat(parts)),
                Some(_) => {}
            }
            if let Some(atom) = self.atom(options)? {
                parts.push(self.repeated(atom, options)?);
            }
        }
    }

    /// With `x`, white space and comments mean nothing.
    fn skip_layout(&mut self, options: Options) {
        if !options.extended {
            return;
        }
        loop {
            match self.peek() {
                Some(c) if c.is_ascii_whitespace() => self.at += 1,
                Some('#') => while self.next().is_some_and(|c| c != '\n') {},
                Some(_) | None => return,
            }
        }
    }

    /// One thing that can be repeated; none: a comment.
    fn atom(&mut self, options: Options) -> Result<Option<Hir>, Refusal> {
        match self.next() {
            Some('(') => self.group(options),
            Some('[') => self.class(options).map(Some),
            Some('\\') => self.escape(options).map(Some),
            Some('.') => Ok(Some(self.dot(options))),
            Some('^') => Ok(Some(Hir::look(Look::StartLF))),
            Some('$') => Ok(Some(Hir::look(Look::EndLF))),
            Some('*' | '+' | '?') => self.refuse("nothing stands before it to be repeated"),
            Some(c) => Ok(Some(self.character(c, options))),
            None => self.refuse("the pattern ends too early"),
        }
    }

    fn dot(&self, options: Options) -> Hir {
        Hir::dot(match (self.reading, options.dot_is_all) {
            (Reading::Characters, true) => Dot::AnyChar,
            (Reading::Characters, false) => Dot::AnyCharExceptLF,
            (Reading::Bytes, true) => Dot::AnyByte,
            (Reading::Bytes, false) => Dot::AnyByteExceptLF,
        })
    }

    /// A character as itself. One beyond ASCII is UTF-8 in either reading.
    fn character(&self, c: char, options: Options) -> Hir {
        if !options.ignore_case {
            return Hir::literal(c.to_string().into_bytes());
        }
        if let (Reading::Bytes, Ok(byte)) = (self.reading, u8::try_from(c))
            && byte.is_ascii()
        {
            let mut class = ClassBytes::new([ClassBytesRange::new(byte, byte)]);
            class.case_fold_simple();
            return Hir::class(Class::Bytes(class));
        }
        let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
        class.case_fold_simple();
        Hir::class(Class::Unicode(class))
    }

    /// What follows an opening parenthesis.
    fn group(&mut self, options: Options) -> Result<Option<Hir>, Refusal> {
        if !self.take("?") {
            return if self.named { self.closed(options) } else { self.captured(options) }.map(Some);
        }
        match self.next() {
            Some(':') => self.closed(options).map(Some),
            Some('#') => {
                while self.next().is_some_and(|c| c != ')') {}
                Ok(None)
            }
            Some('<') if matches!(self.peek(), Some('=' | '!')) => self.refuse("look-behind is not supported"),
            Some('<') => self.name('>').and_then(|()| self.captured(options)).map(Some),
            Some('\'') => self.name('\'').and_then(|()| self.captured(options)).map(Some),
            Some('=' | '!') => self.refuse("look-ahead is not supported"),
            Some('>') => self.refuse("an atomic group is not supported"),
            Some('~') => self.refuse("an absence operator is not supported"),
            Some('(') => self.refuse("a condition is not supported"),
            Some(_) => {
                self.at -= 1;
                self.options(options).map(Some)
            }
            None => self.refuse("a group is not closed"),
        }
    }

    /// The name of a group, which says no more here than its number.
    fn name(&mut self, end: char) -> Result<(), Refusal> {
        let from = self.at;
        while let Some(c) = self.next() {
            if c == end && self.at > from + 1 {
                return Ok(());
            }
        }
        self.refuse("the name of a group does not end")
    }

    fn captured(&mut self, options: Options) -> Result<Hir, Refusal> {
        self.groups += 1;
        let index = self.groups;
        let sub = Box::new(self.closed(options)?);
        Ok(Hir::capture(Capture { index, name: None, sub }))
    }

    /// The inside of a group, and its end.
    fn closed(&mut self, options: Options) -> Result<Hir, Refusal> {
        let inside = self.alternatives(options)?;
        if self.take(")") { Ok(inside) } else { self.refuse("a group is not closed") }
    }

    /// `(?im-x:…)`, or `(?im-x)` and then the rest of the enclosing group.
    fn options(&mut self, mut options: Options) -> Result<Hir, Refusal> {
        let mut on = true;
        loop {
            match self.next() {
                Some('i') => options.ignore_case = on,
                Some('m') => options.dot_is_all = on,
                Some('x') => options.extended = on,
                Some('-') if on => on = false,
                Some(':') => return self.closed(options),
                Some(')') => return self.alternatives(options),
                Some(_) | None => return self.refuse("an option of a group that is not known; there are i, m and x"),
            }
        }
    }
}

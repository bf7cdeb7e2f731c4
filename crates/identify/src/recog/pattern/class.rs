//! Classes of characters: `[a-z]`, with ranges, negation, classes in classes, intersection and POSIX names.
//!
//! In the reading by bytes a class is a set of bytes. While it is read, byte n stands in it as character n, so that
//! both readings share their set operations.

use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir};

use super::escape::Escape;
use super::{Options, Parser, Reading, Refusal};

/// A member of a class.
enum Member {
    Character(char),
    Set(ClassUnicode),
}

impl Parser {
    /// A class; the bracket is read.
    pub(super) fn class(&mut self, options: Options) -> Result<Hir, Refusal> {
        let from = self.at;
        let set = self.set(options)?;
        if self.reading == Reading::Characters {
            return Ok(Hir::class(Class::Unicode(set)));
        }
        // A character beyond ASCII is no byte: such a class is one of characters in either reading.
        if self.chars.get(from..self.at).is_some_and(|text| text.iter().any(|c| !c.is_ascii())) {
            self.at = from;
            self.reading = Reading::Characters;
            let again = self.set(options);
            self.reading = Reading::Bytes;
            return Ok(Hir::class(Class::Unicode(again?)));
        }
        Ok(Hir::class(Class::Bytes(bytes_of(&set))))
    }

    /// `\d` and its like, outside of a class.
    pub(super) fn shorthand(&self, letter: char, opposite: bool) -> Hir {
        let set = self.shorthand_set(letter, opposite);
        Hir::class(match self.reading {
            Reading::Characters => Class::Unicode(set),
            Reading::Bytes => Class::Bytes(bytes_of(&set)),
        })
    }

    fn shorthand_set(&self, letter: char, opposite: bool) -> ClassUnicode {
        let mut set = set_of(match letter {
            'd' => &[('0', '9')],
            'w' => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
            'h' => &[('0', '9'), ('A', 'F'), ('a', 'f')],
            _ => &[('\t', '\r'), (' ', ' ')],
        });
        if opposite {
            self.negate(&mut set);
        }
        set
    }

    /// The inside of a class and the bracket that ends it.
    fn set(&mut self, options: Options) -> Result<ClassUnicode, Refusal> {
        self.deeper()?;
        let negated = self.take("^");
        let mut both: Option<ClassUnicode> = None;
        let mut set = ClassUnicode::empty();
        let mut first = true;
        loop {
            if !first && self.take("]") {
                break;
            }
            first = false;
            if self.take("&&") {
                both = Some(intersection(both, std::mem::replace(&mut set, ClassUnicode::empty())));
                continue;
            }
            match self.member(options)? {
                Member::Set(members) => set.union(&members),
                Member::Character(low) => {
                    let high = self.range_end(low)?;
                    set.push(ClassUnicodeRange::new(low, high));
                }
            }
        }
        set = intersection(both, set);
        if options.ignore_case {
            self.fold_case(&mut set);
        }
        if negated {
            self.negate(&mut set);
        }
        self.depth -= 1;
        Ok(set)
    }

    fn member(&mut self, options: Options) -> Result<Member, Refusal> {
        match self.next() {
            None => self.refuse("a class is not closed"),
            Some('[') if self.take(":") => self.posix().map(Member::Set),
            Some('[') => self.set(options).map(Member::Set),
            Some('\\') => match self.escaped()? {
                Escape::Character(c) => Ok(Member::Character(c)),
                Escape::Class(letter, opposite) => Ok(Member::Set(self.shorthand_set(letter, opposite))),
                Escape::Byte(_) => self.refuse("a byte of 0x80 or more in a class is not supported"),
                Escape::Other('b') => Ok(Member::Character('\x08')),
                Escape::Other(c) if "123456789kgpPRXcCM".contains(c) => {
                    self.refuse("a reference, a property or a control in a class is not supported")
                }
                Escape::Other(c) => Ok(Member::Character(c)),
            },
            Some(c) => Ok(Member::Character(c)),
        }
    }

    /// Where the range that begins with a character ends: with itself, mostly.
    fn range_end(&mut self, low: char) -> Result<char, Refusal> {
        let from = self.at;
        if !self.take("-") || matches!(self.peek(), Some(']' | '[')) {
            self.at = from;
            return Ok(low);
        }
        match self.member(Options::default())? {
            Member::Character(high) if low <= high => Ok(high),
            Member::Character(_) => self.refuse("a range ends before it begins"),
            // `[a-\d]`: the hyphen stands for itself.
            Member::Set(_) => {
                self.at = from;
                Ok(low)
            }
        }
    }

    /// `[:name:]`, of ASCII; the bracket and the first colon are read.
    fn posix(&mut self) -> Result<ClassUnicode, Refusal> {
        let opposite = self.take("^");
        const NAMES: [(&str, &[(char, char)]); 14] = [
            ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
            ("alpha", &[('A', 'Z'), ('a', 'z')]),
            ("ascii", &[('\0', '\x7f')]),
            ("blank", &[('\t', '\t'), (' ', ' ')]),
            ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
            ("digit", &[('0', '9')]),
            ("graph", &[('!', '~')]),
            ("lower", &[('a', 'z')]),
            ("print", &[(' ', '~')]),
            ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
            ("space", &[('\t', '\r'), (' ', ' ')]),
            ("upper", &[('A', 'Z')]),
            ("word", &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
            ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
        ];
        for (name, ranges) in NAMES {
            if self.take(name) {
                let mut set = set_of(ranges);
                if opposite {
                    self.negate(&mut set);
                }
                return if self.take(":]") { Ok(set) } else { self.refuse("the name of a class is not closed") };
            }
        }
        self.refuse("a name of a class that is not known")
    }

    fn negate(&self, set: &mut ClassUnicode) {
        set.negate();
        if self.reading == Reading::Bytes {
            set.intersect(&set_of(&[('\0', '\u{ff}')]));
        }
    }

    fn fold_case(&self, set: &mut ClassUnicode) {
        match self.reading {
            Reading::Characters => set.case_fold_simple(),
            Reading::Bytes => {
                let mut bytes = bytes_of(set);
                bytes.case_fold_simple();
                for range in bytes.ranges() {
                    set.push(ClassUnicodeRange::new(char::from(range.start()), char::from(range.end())));
                }
            }
        }
    }
}

fn set_of(ranges: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(ranges.iter().map(|(low, high)| ClassUnicodeRange::new(*low, *high)))
}

fn intersection(both: Option<ClassUnicode>, set: ClassUnicode) -> ClassUnicode {
    let Some(mut both) = both else { return set };
    both.intersect(&set);
    both
}

/// The bytes that characters up to U+00FF stand for.
fn bytes_of(set: &ClassUnicode) -> ClassBytes {
    let ranges = set.ranges().iter().filter_map(|range| {
        let low = u8::try_from(range.start()).ok()?;
        Some(ClassBytesRange::new(low, u8::try_from(range.end()).unwrap_or(u8::MAX)))
    });
    ClassBytes::new(ranges)
}

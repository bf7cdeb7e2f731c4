//! What a backslash begins.

use regex_syntax::hir::{Hir, Look};

use super::{Options, Parser, Reading, Refusal};

/// What an escape stands for, in a class and outside of one.
pub(super) enum Escape {
    Character(char),
    /// 0x80 to 0xff: a part of a character, or of what is not text.
    Byte(u8),
    /// A class by its letter (d, w, s, h), and whether it is the opposite.
    Class(char, bool),
    /// Another letter or digit, whose meaning depends on where it stands.
    Other(char),
}

impl Parser {
    /// An escape outside of a class; the backslash is read.
    pub(super) fn escape(&mut self, options: Options) -> Result<Hir, Refusal> {
        match self.escaped()? {
            Escape::Character(c) => Ok(self.character(c, options)),
            Escape::Byte(byte) => Ok(Hir::literal([byte])),
            Escape::Class(letter, opposite) => Ok(self.shorthand(letter, opposite)),
            Escape::Other('A') => Ok(Hir::look(Look::Start)),
            Escape::Other('z') => Ok(Hir::look(Look::End)),
            Escape::Other('b') => Ok(Hir::look(match self.reading {
                Reading::Characters => Look::WordUnicode,
                Reading::Bytes => Look::WordAscii,
            })),
            Escape::Other('B') => Ok(Hir::look(match self.reading {
                Reading::Characters => Look::WordUnicodeNegate,
                Reading::Bytes => Look::WordAsciiNegate,
            })),
            Escape::Other('1'..='9' | 'k' | 'g') => self.refuse("a reference to a group is not supported"),
            Escape::Other('p' | 'P') => self.refuse("a property of characters is not supported"),
            Escape::Other('Z' | 'G' | 'K' | 'R' | 'X' | 'c' | 'C' | 'M') => {
                self.refuse("\\Z, \\G, \\K, \\R, \\X, \\c, \\C and \\M are not supported")
            }
            Escape::Other(c) => Ok(self.character(c, options)),
        }
    }

    /// Reads what follows a backslash.
    pub(super) fn escaped(&mut self) -> Result<Escape, Refusal> {
        let Some(c) = self.next() else { return self.refuse("the pattern ends in a backslash") };
        Ok(match c {
            'n' => Escape::Character('\n'),
            't' => Escape::Character('\t'),
            'r' => Escape::Character('\r'),
            'f' => Escape::Character('\x0c'),
            'v' => Escape::Character('\x0b'),
            'a' => Escape::Character('\x07'),
            'e' => Escape::Character('\x1b'),
            'd' | 'w' | 's' | 'h' => Escape::Class(c, false),
            'D' | 'W' | 'S' | 'H' => Escape::Class(c.to_ascii_lowercase(), true),
            '0' => self.byte(0, 8, 2)?,
            'x' => match self.peek().and_then(|c| c.to_digit(16)) {
                Some(_) => self.byte(0, 16, 2)?,
                None => return self.refuse("\\x wants one or two hexadecimal digits"),
            },
            'u' => Escape::Character(self.code_point()?),
            c if c.is_ascii_alphanumeric() => Escape::Other(c),
            c => Escape::Character(c),
        })
    }

    /// Up to `digits` more digits of a byte.
    fn byte(&mut self, mut value: u32, radix: u32, digits: u32) -> Result<Escape, Refusal> {
        for _ in 0..digits {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(radix)) else { break };
            self.at += 1;
            value = value * radix + digit;
        }
        match u8::try_from(value) {
            Ok(byte) if byte.is_ascii() => Ok(Escape::Character(char::from(byte))),
            Ok(byte) => Ok(Escape::Byte(byte)),
            Err(_) => self.refuse("a number that is no byte"),
        }
    }

    /// `\uHHHH` or `\u{H…}`.
    fn code_point(&mut self) -> Result<char, Refusal> {
        let braced = self.take("{");
        let mut value = 0;
        for _ in 0..if braced { 6 } else { 4 } {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                if braced {
                    break;
                }
                return self.refuse("\\u wants four hexadecimal digits");
            };
            self.at += 1;
            value = value * 16 + digit;
        }
        match char::from_u32(value) {
            Some(c) if !braced || self.take("}") => Ok(c),
            Some(_) | None => self.refuse("a number that is no character"),
        }
    }
}

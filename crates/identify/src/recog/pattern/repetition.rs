//! How often something may stand: `*`, `+`, `?` and intervals, greedy or not.

use regex_syntax::hir::{Hir, Repetition};

use super::{Options, Parser, Refusal};

/// The largest number of repetitions: the largest real one is 1,000.
const REPEAT_MAX: u32 = 4_096;

impl Parser {
    /// An atom and what repeats it.
    pub(super) fn repeated(&mut self, mut atom: Hir, options: Options) -> Result<Hir, Refusal> {
        loop {
            self.skip_layout(options);
            let from = self.at;
            let (min, max, interval) = match self.next() {
                Some('*') => (0, None, false),
                Some('+') => (1, None, false),
                Some('?') => (0, Some(1), false),
                Some('{') => match self.interval()? {
                    Some((min, max)) => (min, max, true),
                    None => {
                        self.at = from;
                        return Ok(atom);
                    }
                },
                Some(_) | None => {
                    self.at = from;
                    return Ok(atom);
                }
            };
            if !interval && self.peek() == Some('+') {
                return self.refuse("a possessive repetition is not supported");
            }
            let fixed = interval && max == Some(min);
            let greedy = fixed || !self.take("?");
            atom = Hir::repetition(Repetition { min, max, greedy, sub: Box::new(atom) });
        }
    }

    /// `n}`, `n,}`, `,m}` or `n,m}`; none: the brace stands for itself.
    fn interval(&mut self) -> Result<Option<(u32, Option<u32>)>, Refusal> {
        let min = self.number()?;
        let comma = self.take(",");
        let max = if comma { self.number()? } else { min };
        if !self.take("}") || (min.is_none() && max.is_none()) {
            return Ok(None);
        }
        let min = min.unwrap_or(0);
        if max.is_some_and(|max| max < min) {
            return self.refuse("an interval ends before it begins");
        }
        Ok(Some((min, max)))
    }

    fn number(&mut self) -> Result<Option<u32>, Refusal> {
        let mut number = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            self.at += 1;
            let value = number.unwrap_or(0) * 10 + digit;
            if value > REPEAT_MAX {
                return self.refuse("more than 4,096 repetitions");
            }
            number = Some(value);
        }
        Ok(number)
    }
}

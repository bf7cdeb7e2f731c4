//! What services said they are, each distinct text once.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::text::Text;

/// Distinct titles that are kept: products and versions repeat over a site. Texts come from the network, so there is a
/// bound: 65,536 of at most 128 bytes are 8 MiB. Beyond it a new title is not kept, and the verdict carries none.
const TITLES_MAX: usize = 1 << 16;
/// Longest title, in bytes.
const TITLE_BYTES_MAX: usize = 128;

/// Numbered titles; 0 is the empty one.
#[derive(Debug)]
pub(crate) struct Titles {
    titles: Vec<Text>,
    numbers: HashMap<Arc<str>, u32, RandomState>,
}

impl Default for Titles {
    fn default() -> Self {
        Self { titles: vec![Text::EMPTY], numbers: HashMap::default() }
    }
}

impl Titles {
    pub(crate) fn number(&mut self, title: &str) -> u32 {
        let title = &title[..title.floor_char_boundary(TITLE_BYTES_MAX)];
        if title.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(title) {
            return *number;
        }
        if self.titles.len() >= TITLES_MAX {
            return 0;
        }
        let number = u32::try_from(self.titles.len()).unwrap_or(0);
        let title: Arc<str> = title.into();
        self.titles.push(Text::Shared(Arc::clone(&title)));
        self.numbers.insert(title, number);
        number
    }

    pub(crate) fn text(&self, number: u32) -> Text {
        self.titles.get(number as usize).cloned().unwrap_or_default()
    }
}

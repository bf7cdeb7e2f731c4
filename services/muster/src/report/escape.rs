//! HTML that is written piece by piece; what is not a constant goes through [`Html::text`].

use crate::operator::visible;

#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of ours.
    pub(super) fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// A value: the five characters that mean something in HTML (also inside quotes) are written out, and so is what
    /// cannot be seen.
    pub(super) fn text(&mut self, value: &str) {
        for c in visible(value).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
    }

    /// An element with a value in it.
    pub(super) fn element(&mut self, name: &str, class: &str, value: &str) {
        self.raw(&if class.is_empty() { format!("<{name}>") } else { format!("<{name} class=\"{class}\">") });
        self.text(value);
        self.raw(&format!("</{name}>"));
    }

    /// Values as lines.
    pub(super) fn text_lines(&mut self, lines: &[String]) {
        for line in lines {
            self.text(line);
            self.raw("\n");
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

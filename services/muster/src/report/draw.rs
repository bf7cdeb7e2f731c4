//! Small pictures as inline SVG: a bar of parts, one colour each.

use super::escape::Html;

/// Width of a bar in its own units; the page scales it.
const WIDTH: u64 = 400;
/// Narrowest part that is still seen: what is there shall not vanish beside what is much.
const PART_MIN: u64 = 3;

/// A part: its class in the style sheet, its size, what it is.
pub(super) struct Part<'a>(pub(super) &'a str, pub(super) u64, pub(super) &'a str);

/// Draws the parts beside each other. The label says it all to who does not see it.
pub(super) fn bar(page: &mut Html, parts: &[Part<'_>]) {
    let total: u64 = parts.iter().map(|Part(_, size, _)| size).sum();
    let label: Vec<String> = parts.iter().map(|Part(_, size, what)| format!("{size} {what}")).collect();
    page.raw(&format!(
        "<svg class=\"bar\" viewBox=\"0 0 {WIDTH} 14\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\""
    ));
    page.text(&label.join(", "));
    page.raw("\"><rect class=\"none\" width=\"400\" height=\"14\"/>");
    let mut left = 0;
    for (Part(class, size, what), width) in parts.iter().zip(widths(parts, total)) {
        if width > 0 {
            page.raw(&format!("<rect class=\"{class}\" x=\"{left}\" width=\"{width}\" height=\"14\"><title>"));
            page.text(&format!("{size} {what}"));
            page.raw("</title></rect>");
            left += width;
        }
    }
    page.raw("</svg>");
}

/// Widths that fill the bar, none of something narrower than the least. What that takes is taken from the widest.
#[expect(clippy::integer_division, reason = "whole units")]
fn widths(parts: &[Part<'_>], total: u64) -> Vec<u64> {
    if total == 0 {
        return vec![0; parts.len()];
    }
    let scaled = |size: u64| u64::try_from(u128::from(size) * u128::from(WIDTH) / u128::from(total)).unwrap_or(WIDTH);
    let mut widths: Vec<u64> =
        parts.iter().map(|Part(_, size, _)| if *size == 0 { 0 } else { scaled(*size).max(PART_MIN) }).collect();
    let sum: u64 = widths.iter().sum();
    if let Some(widest) = widths.iter_mut().max() {
        *widest = (*widest + WIDTH).saturating_sub(sum);
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::{Part, WIDTH, widths};

    #[test]
    fn parts_fill_the_bar_and_none_vanishes() {
        let parts = [Part("", 1, ""), Part("", 0, ""), Part("", 1_000_000, "")];
        let drawn = widths(&parts, 1_000_001);
        assert_eq!(drawn, [3, 0, WIDTH - 3]);
        assert_eq!(widths(&parts[1..2], 0), [0]);
    }
}

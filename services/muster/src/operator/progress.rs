//! A bar on anything that takes longer than two seconds, for whoever watches.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;

/// Shorter than that a bar only flickers.
const SHOWN_AFTER: Duration = Duration::from_secs(2);
/// Drawings a second.
const HZ: u8 = 5;

/// A bar on standard error; invisible where nobody watches.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    begun: Instant,
    watched: bool,
    shown: bool,
}

impl Progress {
    pub(super) fn new(output: &Output, what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        // The template is a constant: if it were wrong, the plain bar would do.
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {percent:>3}% {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self { bar, begun: Instant::now(), watched: output.watched(), shown: false }
    }

    /// So much of so much.
    pub(super) fn set(&mut self, done: u64, of: u64) {
        self.bar.set_length(of.max(1));
        self.bar.set_position(done.min(of));
        if self.watched && !self.shown && self.begun.elapsed() >= SHOWN_AFTER {
            self.shown = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(HZ));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

//! Panics go where errors go: into tracing.

use std::any::Any;
use std::panic::PanicHookInfo;
use std::sync::Once;

use super::event::Panicked;

/// What a panic said.
#[must_use]
pub fn text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return text;
    }
    payload.downcast_ref::<String>().map_or("(a payload that is no text)", String::as_str)
}

/// Replaces the hook that prints to standard error, once a process.
pub(super) fn install_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(report)));
}

fn report(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("(a payload that is no text)");
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    Panicked { message, location, thread: thread.name().unwrap_or("unnamed") }.emit();
}

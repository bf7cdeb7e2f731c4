//! For tests that need a lab.

use std::io::{self, Write as _};

use crate::enter::why_not;

/// Whether a test, named by its whole name, goes on here: it is in namespaces of its own. Outside of them it is run
/// again inside, has passed there, and ends here. Where namespaces are not permitted, it says that it was skipped.
///
/// # Errors
/// What it said when it did not pass.
pub fn in_a_lab(test: &str) -> io::Result<bool> {
    // Inside there is no need to ask, and the answer would be another one.
    if std::env::var_os("MUSTER_WIRE_INSIDE").is_none()
        && let Some(why) = why_not()
    {
        writeln!(io::stderr(), "skipped: {test} needs network namespaces: {why}")?;
        return Ok(false);
    }
    muster_wire::testing::inside(test)
}

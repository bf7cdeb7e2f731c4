//! The one binary: every service, the demo and the operator's command line.
fn main() {}

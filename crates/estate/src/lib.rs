//! What should be there: realms, sites, zones, assets, approvals, scan scope.
//!
//! No I/O and no clock: files arrive as text, and the answer is a model, a difference or an error with file and line.

pub mod model;

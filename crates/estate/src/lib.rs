//! What should be there: realms, sites, zones, assets, approvals, scan scope.
//!
//! No I/O and no clock: files arrive as text, and the answer is a model, a difference or an error with file and line.

pub mod canonical;
pub mod check;
pub mod defaults;
pub mod diff;
pub mod files;
pub mod inventory;
pub mod limits;
pub mod lookup;
pub mod model;
pub mod problem;
pub mod scope;
pub mod words;

//! Configuration to connections: the sections that name the engines, the same in every service, and the exit code that
//! each failure to reach one ends a process with.

mod bus;
mod store;
#[cfg(test)]
mod tests;
mod url;

pub use bus::{BusConfig, bus_failure, producer};
pub use store::{StoreConfig, store_failure};

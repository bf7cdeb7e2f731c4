//! The two engines of one machine, as child processes on loopback: a NATS server with JetStream and a ClickHouse.
//!
//! Both are the real ones, of the versions pinned in `deploy/engines`. [`Engines::start`] writes their configuration,
//! starts them on a data directory, waits until both answer and hands out addresses and passwords. They die with the
//! process that started them, and what they acknowledged survives `kill -9` and, under
//! [`Durability::EveryWrite`], the loss of power.
//!
//! - [`EngineFiles`]: where the two files are;
//! - [`NatsUser`], [`ClickHouseUser`]: who may do what, as data; the caller owns the tables of permissions;
//! - [`run_embedded`]: the body of `muster engine clickhouse`, the process that is the ClickHouse;
//! - [`faults`]: a TCP proxy that fails on command, for tests;
//! - [`testing`]: a pair of engines for a test process.

mod clickhouse;
mod embedded;
mod engines;
mod error;
pub mod faults;
mod files;
mod lock;
mod nats;
mod password;
mod ports;
mod process;
#[expect(unsafe_code, reason = "signals, the death signal of a child and a foreign library have no safe API")]
mod sys;
pub mod testing;

pub use clickhouse::{ClickHouseUser, RowFilter};
pub use embedded::run_embedded;
pub use engines::{Durability, Engines, EnginesOptions};
pub use error::Error;
pub use files::EngineFiles;
pub use nats::NatsUser;
pub use password::Password;
pub use ports::Ports;

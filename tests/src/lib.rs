//! What the tests of the whole share: the binary, a rig of real engines and processes, a seeded load with a model of
//! what has to stand in the store, and the books.

mod books;
mod load;
mod program;
mod rig;
mod rng;

pub use books::{Books, TableCount};
pub use load::{Load, Sent};
pub use program::muster_program;
pub use rig::{Rig, RigOptions};
pub use rng::Rng;

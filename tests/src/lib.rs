//! What the tests of the whole share: the binary, a rig of real engines and processes, a seeded load with a model of
//! what has to stand in the store, and the books.

mod books;
mod broken;
mod family;
mod load;
mod plans;
mod program;
mod proxies;
mod rig;
mod rng;
mod serve;
mod small_estate;
mod up;
mod wait;

pub use books::{Books, TableCount};
pub use broken::Broken;
pub use family::{Family, Member};
pub use load::{Load, Sent, is_full};
pub use plans::{Circumstances, Declared, Firings, Plan, firings};
pub use program::muster_program;
pub use proxies::Proxies;
pub use rig::{Rig, RigOptions};
pub use rng::{Rng, seed};
pub use serve::{Ended, run_to_end};
pub use small_estate::{SITE, SmallEstate, TRUTH, Truth};
pub use up::{ENGINES, Operator, Up};
pub use wait::until;

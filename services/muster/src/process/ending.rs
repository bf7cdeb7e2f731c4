//! How something that runs until it is done, or until somebody stops it, has ended.

use std::process::ExitCode;

/// An end without a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It did what was asked.
    Done,
    /// Ctrl-C or SIGTERM came before it had.
    Interrupted,
}

/// 128 and the number of SIGINT, as shells have it.
const INTERRUPTED: u8 = 128 + 2;

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Done => Self::SUCCESS,
            Ending::Interrupted => Self::from(INTERRUPTED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ending;
    use std::process::ExitCode;

    #[test]
    fn what_was_interrupted_is_not_done() {
        assert_eq!(ExitCode::from(Ending::Interrupted), ExitCode::from(130));
        assert_eq!(ExitCode::from(Ending::Done), ExitCode::SUCCESS);
    }
}

//! The numbers of `proto/muster/v1` and the words of the rules.

use muster_proto::v1;
use muster_verdict::{Disposition, FindingState, HostChangeKind, Outcome};

pub(crate) const fn outcome_to_proto(outcome: Outcome) -> v1::Outcome {
    match outcome {
        Outcome::Pass => v1::Outcome::Pass,
        Outcome::Fail => v1::Outcome::Fail,
        Outcome::NotApplicable => v1::Outcome::NotApplicable,
        Outcome::Unknown => v1::Outcome::Unknown,
    }
}

pub(crate) fn outcome(number: i32) -> Option<Outcome> {
    Outcome::ALL.iter().copied().find(|outcome| i32::from(outcome_to_proto(*outcome)) == number)
}

pub(crate) const fn state_to_proto(state: FindingState) -> v1::FindingState {
    match state {
        FindingState::Open => v1::FindingState::Open,
        FindingState::Suppressed => v1::FindingState::Suppressed,
        FindingState::Resolved => v1::FindingState::Resolved,
    }
}

pub(crate) fn state(number: i32) -> Option<FindingState> {
    FindingState::ALL.iter().copied().find(|state| i32::from(state_to_proto(*state)) == number)
}

pub(crate) const fn disposition_to_proto(disposition: Disposition) -> v1::Disposition {
    match disposition {
        Disposition::None => v1::Disposition::None,
        Disposition::Adopted => v1::Disposition::Adopted,
        Disposition::Accepted => v1::Disposition::Accepted,
        Disposition::Decommissioned => v1::Disposition::Decommissioned,
    }
}

/// Nothing said is none.
pub(crate) fn disposition(number: i32) -> Option<Disposition> {
    match v1::Disposition::try_from(number).ok()? {
        v1::Disposition::Unspecified | v1::Disposition::None => Some(Disposition::None),
        v1::Disposition::Adopted => Some(Disposition::Adopted),
        v1::Disposition::Accepted => Some(Disposition::Accepted),
        v1::Disposition::Decommissioned => Some(Disposition::Decommissioned),
    }
}

pub(crate) const fn host_change_to_proto(kind: HostChangeKind) -> v1::HostChangeKind {
    match kind {
        HostChangeKind::Appeared => v1::HostChangeKind::Appeared,
        HostChangeKind::Updated => v1::HostChangeKind::Updated,
    }
}

pub(crate) const fn transport_of_sweep(transport: muster_sweep::Transport) -> muster_estate::model::Transport {
    match transport {
        muster_sweep::Transport::Tcp => muster_estate::model::Transport::Tcp,
        muster_sweep::Transport::Udp => muster_estate::model::Transport::Udp,
    }
}

pub(crate) const fn transport_to_sweep(transport: muster_estate::model::Transport) -> muster_sweep::Transport {
    match transport {
        muster_estate::model::Transport::Tcp => muster_sweep::Transport::Tcp,
        muster_estate::model::Transport::Udp => muster_sweep::Transport::Udp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_comes_back() {
        assert!(Outcome::ALL.iter().all(|word| outcome(outcome_to_proto(*word).into()) == Some(*word)));
        assert!(FindingState::ALL.iter().all(|word| state(state_to_proto(*word).into()) == Some(*word)));
        assert!(Disposition::ALL.iter().all(|word| disposition(disposition_to_proto(*word).into()) == Some(*word)));
        assert_eq!((outcome(0), state(9), disposition(-1)), (None, None, None));
    }
}

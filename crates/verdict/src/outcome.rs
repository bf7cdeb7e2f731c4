//! The words of a verdict: outcome, reason and subject, with the text each has in messages, rows and the CLI.

use std::fmt;
use std::str::FromStr;

use muster_estate::model::Transport;
use thiserror::Error;

/// A text that is not one of the words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a {kind}; expected {expected}")]
pub struct WordError {
    /// What was to be read.
    pub kind: &'static str,
    /// What was given, cut to 64 characters.
    pub text: String,
    /// What it could have been.
    pub expected: &'static str,
}

impl WordError {
    pub(crate) fn new(kind: &'static str, text: &str, expected: &'static str) -> Self {
        Self { kind, text: text.chars().take(64).collect(), expected }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $kind:literal { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its text form.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::outcome::WordError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err($crate::outcome::WordError::new($kind, other, concat!($("\"", $text, "\" "),+))),
                }
            }
        }
    };
}

pub(crate) use words;

words! {
    /// What a rule says. Unknown is never pass.
    Outcome, "outcome" {
        /// As agreed.
        Pass = "pass",
        /// Not as agreed.
        Fail = "fail",
        /// The rule has nothing to say about this host.
        NotApplicable = "not-applicable",
        /// A fact is missing; the reason names it.
        Unknown = "unknown",
    }
}

words! {
    /// Why an outcome is what it is; a plain pass has none.
    Reason, "reason" {
        /// Seen, and no asset has its address.
        Rogue = "rogue",
        /// The asset names no owner.
        NoOwner = "no-owner",
        /// The asset names no support group.
        NoSupportGroup = "no-support-group",
        /// The asset names no base image.
        NoBaseImage = "no-base-image",
        /// Open, and not approved in its zone for its role.
        UnapprovedService = "unapproved-service",
        /// Stands in another zone than its record says.
        Misplaced = "misplaced",
        /// Was seen, but not within the site's limit: an observation would decide it.
        Silent = "silent",
        /// Not seen by as many sweeps in a row as the site asks for.
        Absent = "absent",
        /// No observation of it exists: one would decide it.
        NeverSeen = "never-seen",
        /// What the verdict rested on has run out: a newer fact would decide it.
        Stale = "stale",
        /// No zone holds the address, so nothing says what may run there.
        NoZone = "no-zone",
        /// No asset has its address, so there is nothing to compare with.
        NotKnown = "not-known",
        /// The record does not say in which zone the asset belongs.
        ZoneNotSaid = "zone-not-said",
        /// Nothing listens there any more: the port was refused while the host was alive.
        Refused = "refused",
        /// Taken out of service by a person, and since then silent for as many sweeps as the site asks for.
        Decommissioned = "decommissioned",
        /// The site's rule no longer takes what was seen as proof of a host.
        NoProofOfHost = "no-proof-of-host",
        /// The site was taken out of the estate.
        SiteRemoved = "site-removed",
    }
}

/// What a verdict is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Is the host in the inventory?
    Known,
    /// Does its record say what the site asks for?
    Managed,
    /// Does it stand where it should?
    Zone,
    /// Is the asset there?
    Seen,
    /// May this service run here?
    ApprovedService {
        /// Transport.
        transport: Transport,
        /// Port.
        port: u16,
    },
}

/// What stands before transport and port in the text of an approved-service subject.
const APPROVED_SERVICE: &str = "approved-service:";

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known => f.write_str("known"),
            Self::Managed => f.write_str("managed"),
            Self::Zone => f.write_str("zone"),
            Self::Seen => f.write_str("seen"),
            Self::ApprovedService { transport, port } => {
                write!(f, "{APPROVED_SERVICE}{}/{port}", transport_str(*transport))
            }
        }
    }
}

impl FromStr for Subject {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || WordError::new("subject", text, "known, managed, zone, seen or approved-service:tcp|udp/<port>");
        match text {
            "known" => return Ok(Self::Known),
            "managed" => return Ok(Self::Managed),
            "zone" => return Ok(Self::Zone),
            "seen" => return Ok(Self::Seen),
            _ => {}
        }
        let (transport, digits) =
            text.strip_prefix(APPROVED_SERVICE).and_then(|rest| rest.split_once('/')).ok_or_else(error)?;
        let transport = match transport {
            "tcp" => Transport::Tcp,
            "udp" => Transport::Udp,
            _ => return Err(error()),
        };
        let port: u16 = digits.parse().map_err(|_| error())?;
        // One subject has one text, or one finding would have two ids: no "+80", no "080".
        if port.to_string() != digits {
            return Err(error());
        }
        Ok(Self::ApprovedService { transport, port })
    }
}

/// Text of a transport, as in subjects and evidence paths.
#[must_use]
pub(crate) const fn transport_str(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "tcp",
        Transport::Udp => "udp",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn subjects_read_as_they_are_written() {
        let sql = Subject::ApprovedService { transport: Transport::Tcp, port: 1433 };
        assert_eq!(sql.to_string(), "approved-service:tcp/1433");
        for subject in [Subject::Known, Subject::Managed, Subject::Zone, Subject::Seen, sql] {
            assert_eq!(subject.to_string().parse(), Ok(subject));
        }
    }

    #[test]
    fn every_word_reads_as_it_is_written() {
        assert!(Reason::ALL.iter().all(|word| word.as_str().parse() == Ok(*word)));
        assert!(Outcome::ALL.iter().all(|word| word.as_str().parse() == Ok(*word)));
        assert!("Rogue".parse::<Reason>().unwrap_err().to_string().starts_with("\"Rogue\" is not a reason"));
    }

    proptest! {
        #[test]
        fn a_subject_has_one_text(text in "(approved-service:)?(tcp|udp|icmp|)/?[+0-9]{0,6}|.{0,40}") {
            if let Ok(subject) = text.parse::<Subject>() {
                prop_assert_eq!(subject.to_string(), text);
            }
        }
    }
}

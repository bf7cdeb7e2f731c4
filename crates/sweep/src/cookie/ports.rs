//! The source ports of a sweep: a share for each attempt.

/// Attempts that one sweep may make.
pub const ATTEMPTS_MAX: u8 = 8;

/// The source ports of a sweep, cut into one share for each attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourcePorts {
    first: u16,
    per_attempt: u16,
    attempts: u8,
}

/// Why ports are no source ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CookieError {
    /// No attempt, or too many.
    #[error("failed to cut the source ports: {attempts} attempts; 1 to {ATTEMPTS_MAX} are possible")]
    Attempts {
        /// Wanted.
        attempts: u8,
    },
    /// Not one port for each attempt, or beyond 65,535.
    #[error("failed to cut the source ports: {count} from {first} on; name 1 to 65,535, one for each attempt at least")]
    Ports {
        /// First port.
        first: u16,
        /// How many.
        count: u16,
    },
}

impl SourcePorts {
    /// `count` ports from `first` on. They must not be used by anything else on this machine, and its kernel must not
    /// reset what comes to them.
    ///
    /// # Errors
    /// When there are fewer ports than attempts, no attempts or more than [`ATTEMPTS_MAX`], or ports beyond the last.
    pub fn new(first: u16, count: u16, attempts: u8) -> Result<Self, CookieError> {
        if !(1..=ATTEMPTS_MAX).contains(&attempts) {
            return Err(CookieError::Attempts { attempts });
        }
        let last = u32::from(first) + u32::from(count);
        if first == 0 || count < u16::from(attempts) || last > 65_536 {
            return Err(CookieError::Ports { first, count });
        }
        Ok(Self { first, per_attempt: count / u16::from(attempts), attempts })
    }

    /// How many attempts have a share.
    #[must_use]
    pub const fn attempts(&self) -> u8 {
        self.attempts
    }

    /// A port of an attempt's share, chosen by 16 bits.
    pub(super) const fn port(&self, attempt: u8, bits: u16) -> u16 {
        let within = (bits as u32 * self.per_attempt as u32) >> 16;
        self.first.wrapping_add(self.per_attempt.wrapping_mul(attempt as u16)).wrapping_add(within as u16)
    }

    /// The port of an attempt, for UDP.
    pub(super) const fn udp_port(&self, attempt: u8) -> u16 {
        self.first.wrapping_add(attempt as u16)
    }

    /// The attempt whose port this is, for UDP.
    pub(super) fn udp_attempt(&self, port: u16) -> Option<u8> {
        let attempt = u8::try_from(port.checked_sub(self.first)?).ok()?;
        (attempt < self.attempts).then_some(attempt)
    }
}

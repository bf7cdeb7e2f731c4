//! Windows by its build: which product it is, and until when Microsoft supports it.
//!
//! Dates are those of Microsoft's lifecycle pages: the end of extended support, without what is paid for on top. Where
//! one build is a client and a server, or several editions, the date is the last of them, so that what is called past
//! its end is past it in every edition but the paid ones.

/// One release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// "Windows Server 2003"; where client and server share the build, both.
    pub product: &'static str,
    /// Major and minor version of the kernel.
    pub version: (u8, u8),
    /// Build; of several of one release the first.
    pub build: u16,
    /// Last day of support, as year, month, day.
    pub end: (u16, u8, u8),
}

const fn of(product: &'static str, version: (u8, u8), build: u16, end: (u16, u8, u8)) -> Windows {
    Windows { product, version, build, end }
}

/// All releases that answer over the network, oldest first.
pub const RELEASES: [Windows; 34] = [
    of("Windows NT 3.51", (3, 51), 1_057, (2001, 12, 31)),
    of("Windows NT 4.0", (4, 0), 1_381, (2004, 12, 31)),
    of("Windows 2000", (5, 0), 2_195, (2010, 7, 13)),
    of("Windows XP", (5, 1), 2_600, (2014, 4, 8)),
    of("Windows Server 2003 or XP x64", (5, 2), 3_790, (2015, 7, 14)),
    of("Windows Vista", (6, 0), 6_000, (2017, 4, 11)),
    of("Windows Server 2008 or Vista SP1", (6, 0), 6_001, (2020, 1, 14)),
    of("Windows Server 2008 or Vista SP2", (6, 0), 6_002, (2020, 1, 14)),
    of("Windows Server 2008 SP2", (6, 0), 6_003, (2020, 1, 14)),
    of("Windows Server 2008 R2 or 7", (6, 1), 7_600, (2020, 1, 14)),
    of("Windows Server 2008 R2 SP1 or 7 SP1", (6, 1), 7_601, (2020, 1, 14)),
    of("Windows Server 2012 or 8", (6, 2), 9_200, (2023, 10, 10)),
    of("Windows Server 2012 R2 or 8.1", (6, 3), 9_600, (2023, 10, 10)),
    of("Windows 10 1507", (10, 0), 10_240, (2025, 10, 14)),
    of("Windows 10 1511", (10, 0), 10_586, (2017, 10, 10)),
    of("Windows Server 2016 or 10 1607", (10, 0), 14_393, (2027, 1, 12)),
    of("Windows 10 1703", (10, 0), 15_063, (2019, 10, 8)),
    of("Windows Server or 10 1709", (10, 0), 16_299, (2020, 10, 13)),
    of("Windows Server or 10 1803", (10, 0), 17_134, (2021, 5, 11)),
    of("Windows Server 2019 or 10 1809", (10, 0), 17_763, (2029, 1, 9)),
    of("Windows Server or 10 1903", (10, 0), 18_362, (2020, 12, 8)),
    of("Windows Server or 10 1909", (10, 0), 18_363, (2022, 5, 10)),
    of("Windows Server or 10 2004", (10, 0), 19_041, (2021, 12, 14)),
    of("Windows Server or 10 20H2", (10, 0), 19_042, (2023, 5, 9)),
    of("Windows 10 21H1", (10, 0), 19_043, (2022, 12, 13)),
    of("Windows 10 21H2", (10, 0), 19_044, (2032, 1, 13)),
    of("Windows 10 22H2", (10, 0), 19_045, (2025, 10, 14)),
    of("Windows Server 2022", (10, 0), 20_348, (2031, 10, 14)),
    of("Windows 11 21H2", (10, 0), 22_000, (2024, 10, 8)),
    of("Windows 11 22H2", (10, 0), 22_621, (2025, 10, 14)),
    of("Windows 11 23H2", (10, 0), 22_631, (2026, 11, 10)),
    of("Windows Server 23H2", (10, 0), 25_398, (2025, 10, 24)),
    of("Windows Server 2025 or 11 24H2", (10, 0), 26_100, (2034, 10, 10)),
    of("Windows 11 25H2", (10, 0), 26_200, (2028, 10, 10)),
];

impl Windows {
    /// The release of a build, which has to be known exactly: a build between two is of neither.
    #[must_use]
    pub fn of_build(major: u8, minor: u8, build: u16) -> Option<&'static Self> {
        RELEASES.iter().find(|release| release.version == (major, minor) && release.build == build)
    }

    /// "5.2.3790".
    #[must_use]
    pub fn number(&self) -> String {
        let (major, minor) = self.version;
        format!("{major}.{minor}.{}", self.build)
    }

    /// Whether its support ended before a day (year, month, day).
    #[must_use]
    pub fn is_past(&self, day: (u16, u8, u8)) -> bool {
        self.end < day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_are_told_apart_and_stand_in_order() {
        assert!(RELEASES.is_sorted_by_key(|release| (release.version, release.build)));
        assert_eq!(Windows::of_build(5, 2, 3_790).map(|w| w.product), Some("Windows Server 2003 or XP x64"));
        assert_eq!(Windows::of_build(10, 0, 20_348).map(|w| w.product), Some("Windows Server 2022"));
        // Samba says 6.1 build 0, which is no Windows.
        assert_eq!(Windows::of_build(6, 1, 0), None);
        assert_eq!(Windows::of_build(10, 0, 20_349), None);
    }

    #[test]
    fn support_ends_with_its_last_day() {
        let old = Windows::of_build(5, 2, 3_790).unwrap();
        assert!(!old.is_past((2015, 7, 14)));
        assert!(old.is_past((2015, 7, 15)));
        assert!(!Windows::of_build(10, 0, 26_100).unwrap().is_past((2026, 1, 1)));
    }
}

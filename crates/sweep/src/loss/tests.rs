#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod simulation;

use super::*;
use proptest::prelude::*;

fn bound(tally: &Tally, canaries: Canaries) -> Bound {
    match assess(tally, canaries, 0.001).unwrap() {
        Assessment::Bounded(bound) => bound,
        Assessment::Void => panic!("void"),
    }
}

/// Of 1,000 windows that are all alike.
fn alike(first_answers: &[u32]) -> Tally {
    let mut tally = Tally::new(u8::try_from(first_answers.len()).unwrap()).unwrap();
    (0..1_000).for_each(|_| tally.add_window(first_answers).unwrap());
    tally
}

#[test]
fn silent_canaries_make_a_sweep_void() {
    let silent = Canaries { probed: 3, answered: 0 };
    assert_eq!(assess(&alike(&[90, 9, 1]), silent, 0.001), Ok(Assessment::Void));
    assert_eq!(assess(&Tally::new(1).unwrap(), silent, 0.001), Ok(Assessment::Void));
    let impossible = Canaries { probed: 3, answered: 4 };
    assert_eq!(assess(&alike(&[1, 0]), impossible, 0.1), Err(LossError::Canaries { probed: 3, answered: 4 }));
}

#[test]
fn a_tenth_lost_on_each_attempt_is_read_as_such() {
    let bound = bound(&alike(&[900, 90, 9]), Canaries::default());
    assert!((bound.loss.estimate - 0.1).abs() < 1e-3, "{bound:?}");
    assert!(bound.loss.lower < 0.1 && bound.loss.upper > 0.1 && bound.loss.upper < 0.102);
    for attempt in &bound.loss_by_attempt {
        assert!(attempt.lower <= attempt.estimate && attempt.estimate <= attempt.upper);
        assert!((attempt.estimate - 0.1).abs() < 0.01, "{attempt:?}");
    }
    assert!((0.001..0.0013).contains(&bound.missed_share_max), "{}", bound.missed_share_max);
    assert_eq!((bound.further_attempts, bound.uneven, bound.source), (Some(1), false, Source::Pairs));
    assert!((bound.dispersion - 1.0).abs() < 1e-9);
}

#[test]
fn little_answered_is_little_known() {
    let nothing = bound(&Tally::new(3).unwrap(), Canaries::default());
    assert_eq!((nothing.missed_share_max, nothing.missed_pairs_max, nothing.source), (1.0, None, Source::Nothing));
    assert_eq!(nothing.further_attempts, None);
    // One window of five pairs may be one burst.
    let mut few = Tally::new(3).unwrap();
    few.add_window(&[5, 0, 0]).unwrap();
    assert!(bound(&few, Canaries::default()).missed_share_max > 0.5);
    // One attempt says nothing of itself.
    let once = alike(&[1_000]);
    assert_eq!(bound(&once, Canaries::default()).missed_share_max, 1.0);
}

#[test]
fn canaries_speak_where_pairs_do_not() {
    let canaries = Canaries { probed: 300, answered: 300 };
    let once = bound(&alike(&[1]), canaries);
    // 1 - 0.04^(1/300).
    assert_eq!(once.source, Source::Canaries);
    assert!(once.missed_share_max >= 0.010_67 && once.missed_share_max < 0.03, "{}", once.missed_share_max);
    let thrice = bound(&Tally::new(3).unwrap(), canaries);
    assert!(thrice.missed_share_max < 2e-6);
    assert_eq!(thrice.further_attempts, Some(0));
}

#[test]
fn canaries_that_lose_more_than_the_pairs_are_believed() {
    let tally = alike(&[100, 0]);
    let good = bound(&tally, Canaries { probed: 100, answered: 100 });
    let bad = bound(&tally, Canaries { probed: 100, answered: 60 });
    assert!(!good.uneven && good.missed_share_max < 1e-8);
    assert!(bad.uneven && bad.missed_share_max > 0.16, "{bad:?}");
}

#[test]
fn counts_that_do_not_fit_are_refused() {
    assert_eq!(Tally::new(0), Err(LossError::Attempts { attempts: 0 }));
    assert_eq!(Tally::new(9), Err(LossError::Attempts { attempts: 9 }));
    let mut tally = Tally::new(2).unwrap();
    assert_eq!(tally.add_window(&[1]), Err(LossError::Counts { attempts: 2, found: 1 }));
    assert_eq!(tally.merge(&Tally::new(3).unwrap()), Err(LossError::Counts { attempts: 2, found: 3 }));
}

#[test]
fn parts_of_a_sweep_add_up() {
    let (mut whole, mut one, mut other) = (Tally::new(2).unwrap(), Tally::new(2).unwrap(), Tally::new(2).unwrap());
    for window in 0..64_u32 {
        let counts = [90 + window % 7, window % 3];
        whole.add_window(&counts).unwrap();
        if window < 32 { one.add_window(&counts).unwrap() } else { other.add_window(&counts).unwrap() }
    }
    one.merge(&other).unwrap();
    assert_eq!(one.first_answers(), whole.first_answers());
    assert_eq!((one.answered(), one.attempts()), (whole.answered(), 2));
    let (parts, at_once) = (bound(&one, Canaries::default()), bound(&whole, Canaries::default()));
    assert!((parts.missed_share_max - at_once.missed_share_max).abs() < 1e-6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_counts_give_a_share(
        attempts in 1_usize..=8,
        windows in proptest::collection::vec(proptest::array::uniform8(0_u32..), 0..40),
        small: bool,
        probed: u32,
        lost: u32,
    ) {
        let mut tally = Tally::new(attempts as u8).unwrap();
        for window in &windows {
            let window = window.map(|count| if small { count % 5 } else { count });
            tally.add_window(&window[..attempts]).unwrap();
        }
        let canaries = Canaries { probed, answered: probed.saturating_sub(lost) };
        if let Assessment::Bounded(bound) = assess(&tally, canaries, 0.001).unwrap() {
            let shares = [bound.missed_share_max, bound.loss.lower, bound.loss.estimate, bound.loss.upper];
            prop_assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{:?}", bound);
            prop_assert!(bound.dispersion >= 1.0);
            prop_assert_eq!(bound.loss_by_attempt.len(), attempts);
        }
    }
}

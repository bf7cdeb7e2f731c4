#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use super::*;
use proptest::prelude::*;

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Dice(u64);

impl Dice {
    fn toss(&mut self, probability: f64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) >> 11) as f64 * 2_f64.powi(-53) < probability
    }
}

/// A sweep as the raw engine does it: as often as the answers so far want, every eighth slice three times at least.
/// The count, and how many pairs that would have answered did not.
fn sweep(seed: u64, slices: u32, answering: u32, loss: f64) -> (LossCount, u64) {
    let (mut dice, mut count, mut missed) = (Dice(seed), LossCount::default(), 0);
    for slice in 0..slices {
        let min = if slice % 8 == 0 { 3 } else { 2 };
        let attempts = attempts_wanted(&count.by_attempt().first_answers, 0, min, 6);
        let (mut first, mut sent) = (vec![0; usize::from(attempts)], vec![0; usize::from(attempts)]);
        for _ in 0..answering {
            let on = (0..usize::from(attempts)).find(|at| {
                sent[*at] += 1;
                !dice.toss(loss)
            });
            match on {
                Some(at) => first[at] += 1,
                None => missed += 1,
            }
        }
        count.add_slice(&sent, &first).unwrap();
    }
    (count, missed)
}

#[test]
fn the_bound_covers_the_truth_whatever_the_loss() {
    for loss in [0.0, 0.01, 0.04, 0.1, 0.3] {
        let covered = (0..200).filter(|seed| {
            let (count, missed) = sweep(*seed, 64, 50, loss);
            let stated = count.state().unwrap();
            let truth = real(missed) / real(64 * 50);
            assert!(stated.share_max > 0.0 && stated.share_max < 0.2, "{stated:?}");
            missed <= stated.pairs_max && truth <= stated.share_max
        });
        let covered = covered.count();
        assert!(covered >= 190, "{covered} of 200 at {loss}");
    }
}

#[test]
fn more_is_asked_where_more_is_lost() {
    assert_eq!(attempts_wanted(&[3, 2], 0, 2, 6), 2, "too few to know");
    assert_eq!(attempts_wanted(&[1_000_000, 0], 0, 2, 6), 2);
    assert_eq!(attempts_wanted(&[100, 0], 0, 2, 6), 2);
    assert_eq!(attempts_wanted(&[96_000, 4_000], 0, 2, 6), 3, "two in a hundred each way");
    assert_eq!(attempts_wanted(&[96_000, 0], 4_000, 2, 6), 3, "what this machine drops is lost as well");
    assert_eq!(attempts_wanted(&[800, 200], 0, 2, 6), 6);
    assert_eq!(attempts_wanted(&[0, 100], 0, 2, 6), 6);
    assert_eq!(attempts_wanted(&[], 0, 2, 6), 2);
}

#[test]
fn what_says_nothing_is_said_to_say_nothing() {
    let mut count = LossCount::default();
    assert_eq!(count.state(), Err(Unstated::Nothing));
    count.add_slice(&[1_000], &[900]).unwrap();
    assert_eq!(count.state(), Err(Unstated::Once));
    count.add_slice(&[100, 93], &[7, 0]).unwrap();
    assert_eq!(count.state(), Err(Unstated::TooFew { answered: 907 }));
    (0..20).for_each(|_| count.add_slice(&[100, 3], &[97, 3]).unwrap());
    assert!(count.state().is_ok(), "{:?}", count.state());
    count.add_uncounted(5);
    assert_eq!(count.state(), Err(Unstated::Uncounted { units: 5 }));
    let said = count.state().unwrap_err().to_string();
    assert_eq!(said, "5 of the pairs were swept by connections, whose repeats nobody counts");
    assert_eq!(count.add_slice(&[], &[]), Err(LossError::Attempts { attempts: 0 }));
    assert_eq!(count.add_slice(&[1; 9], &[1; 9]), Err(LossError::Attempts { attempts: 9 }));
    assert_eq!(count.add_slice(&[1], &[1, 0]), Err(LossError::Counts { attempts: 2, found: 1 }));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let read = |sent: &[u64], first: &[u64]| {
        LossCount::read([LossGroup { sent: sent.to_vec(), first_answers: first.to_vec() }], [], 0, 0)
    };
    assert!(read(&[5, 2], &[3, 1]).is_ok());
    assert!(read(&[5, 2], &[3]).is_err() && read(&[], &[]).is_err() && read(&[1; 9], &[0; 9]).is_err());
    assert!(read(&[5, 2], &[3, 3]).is_err(), "more answers than probes");
    assert!(read(&[u64::MAX, 2], &[3, 1]).is_err(), "more probes than units");
    let group = LossGroup { sent: vec![1], first_answers: vec![1] };
    assert!(LossCount::read([group.clone(), group], [], 0, 0).is_err());
}

fn again(count: &LossCount) -> LossCount {
    LossCount::read(count.groups().cloned(), count.scales(), count.uncounted(), count.dropped()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_down_says_the_same(seed: u64, slices in 1_u32..60, loss in 0.0_f64..0.4) {
        let (count, _) = sweep(seed, slices, 20, loss);
        prop_assert_eq!(again(&count).state(), count.state());
        // Two parts are what both counted.
        let (other, _) = sweep(!seed, slices, 20, loss);
        let mut both = again(&count);
        both.merge(&other);
        prop_assert_eq!(both.answered(), count.answered() + other.answered());
        let mut written = again(&count);
        written.merge(&again(&other));
        prop_assert_eq!(written.state(), both.state());
    }

    #[test]
    fn anything_that_is_read_states_a_share_or_nothing(
        groups in proptest::collection::vec(proptest::collection::vec((any::<u32>(), any::<u32>()), 0..10), 0..6),
        scales in proptest::collection::vec(any::<[u64; 4]>(), 0..40),
        dropped: u64,
    ) {
        let groups = groups.into_iter().map(|group| {
            let (sent, first_answers) = group.into_iter().map(|(one, other)| (u64::from(one.max(other)), u64::from(one.min(other)))).unzip();
            LossGroup { sent, first_answers }
        });
        if let Ok(count) = LossCount::read(groups, scales, 0, dropped)
            && let Ok(stated) = count.state()
        {
            prop_assert!((0.0..1.0).contains(&stated.share_max), "{:?}", stated);
        }
    }
}

//! What the answers of a lease show of the loss.

use muster_proto::v1;
use muster_sweep::loss::{LossCount, LossGroup};

use super::ConvertError;

/// Groups and scales that are looked at: more than any count has.
const LIST_MAX: usize = 64;

/// A count to the wire.
#[must_use]
pub fn to_proto(count: &LossCount) -> v1::LossCount {
    let group =
        |group: &LossGroup| v1::LossGroup { sent: group.sent.clone(), first_answers: group.first_answers.clone() };
    v1::LossCount {
        groups: count.groups().map(group).collect(),
        scales: count.scales().map(|[clusters, tt, tl, ll]| v1::LossScale { clusters, tt, tl, ll }).collect(),
        uncounted: count.uncounted(),
        dropped: count.dropped(),
    }
}

/// A count from the wire; one that is not set says nothing.
///
/// # Errors
/// When it contradicts itself.
pub fn from_proto(field: &str, count: Option<&v1::LossCount>) -> Result<LossCount, ConvertError> {
    let Some(count) = count else { return Ok(LossCount::default()) };
    if count.groups.len() > LIST_MAX || count.scales.len() > LIST_MAX {
        return Err(ConvertError::new(field, format!("at most {LIST_MAX} groups and scales are possible")));
    }
    let groups = count
        .groups
        .iter()
        .map(|group| LossGroup { sent: group.sent.clone(), first_answers: group.first_answers.clone() });
    let scales = count.scales.iter().map(|scale| [scale.clusters, scale.tt, scale.tl, scale.ll]);
    LossCount::read(groups, scales, count.uncounted, count.dropped)
        .map_err(|error| ConvertError::new(field, error.to_string()))
}

#[cfg(test)]
mod tests {
    use muster_proto::v1;
    use muster_sweep::loss::LossCount;
    use proptest::prelude::*;

    use super::{from_proto, to_proto};

    #[test]
    fn what_contradicts_itself_names_its_place() {
        let group = v1::LossGroup { sent: vec![1, 2], first_answers: vec![1] };
        let count = v1::LossCount { groups: vec![group], ..v1::LossCount::default() };
        let error = from_proto("order_outcome.loss", Some(&count)).unwrap_err().to_string();
        assert!(error.contains("order_outcome.loss"), "{error}");
        let many = v1::LossCount { scales: vec![v1::LossScale::default(); 65], ..v1::LossCount::default() };
        assert!(from_proto("loss", Some(&many)).is_err());
        assert_eq!(from_proto("loss", None).unwrap(), LossCount::default());
    }

    proptest! {
        #[test]
        fn a_count_comes_back(slices in proptest::collection::vec((2_usize..7, 0_u32..500, 0_u32..40), 0..40)) {
            let mut count = LossCount::default();
            for (attempts, first, second) in slices {
                let mut answers = vec![0; attempts];
                (answers[0], answers[1]) = (first, second);
                count.add_slice(&vec![1_000; attempts], &answers).unwrap();
            }
            count.add_dropped(3);
            let again = from_proto("loss", Some(&to_proto(&count))).unwrap();
            prop_assert_eq!(again.state(), count.state());
            prop_assert_eq!(to_proto(&again), to_proto(&count));
        }
    }
}

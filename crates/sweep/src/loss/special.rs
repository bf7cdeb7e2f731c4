//! The binomial distribution's exact bounds. Counts may be fractions: effective numbers of a clustered sample.
//!
//! Section numbers are those of the NIST Digital Library of Mathematical Functions (DLMF).

/// Steps of the continued fraction: about the square root of the larger parameter are needed, so these serve for
/// counts to 10^9.
const STEPS_MAX: u32 = 100_000;

/// Halvings of an interval of length 1: beyond the precision of a double.
const HALVINGS: u32 = 60;

/// The natural logarithm of the gamma function, for x > 0: Stirling's series (5.11.1) from 10 on, where five terms
/// leave an error below 10^-13; below that by the recurrence 5.5.1.
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let terms = [1.0 / 1_188.0, -1.0 / 1_680.0, 1.0 / 1_260.0, -1.0 / 360.0, 1.0 / 12.0];
    let series = terms.iter().fold(0.0, |sum, term| sum * square + term) * inverse;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - shift
}

/// The regularised incomplete beta function I_x(a, b) (8.17.2), for a, b > 0 and 0 <= x <= 1.
pub(super) fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast on this side; 8.17.4 for the other.
    if x > (a + 1.0) / (a + b + 2.0) { 1.0 - convergent(1.0 - x, b, a) } else { convergent(x, a, b) }
}

fn convergent(x: f64, a: f64, b: f64) -> f64 {
    let front = ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p();
    (front.exp() * fraction(x, a, b) / a).clamp(0.0, 1.0)
}

/// The continued fraction 8.17.22, from the front by the modified algorithm of Lentz (3.10(iii)).
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    // As they are after the first step, whose partial numerator is 1.
    let (mut value, mut c, mut d) = (1.0, f64::INFINITY, 1.0);
    for step in 1..STEPS_MAX {
        let m = f64::from(step / 2);
        let term = if step.is_multiple_of(2) {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        };
        d = 1.0 / away_from_zero(1.0 + term * d);
        c = away_from_zero(1.0 + term / c);
        value *= c * d;
        if (c * d - 1.0).abs() < 1e-14 {
            break;
        }
    }
    value
}

/// Where a falling or rising condition changes from false to true on 0..1.
pub(super) fn bisect(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if holds(middle) { high = middle } else { low = middle }
    }
    f64::midpoint(low, high)
}

/// The largest proportion with which `hits` or fewer of `trials` are not rarer than `alpha`: the exact one-sided upper
/// bound of Clopper and Pearson (1934), with confidence 1 - alpha. 1 when there are no trials.
#[must_use]
pub fn upper_bound(hits: f64, trials: f64, alpha: f64) -> f64 {
    if hits >= trials {
        return 1.0;
    }
    // P(X <= hits) = I_(1-p)(trials - hits, hits + 1) (8.17.5).
    bisect(|p| incomplete_beta(p, hits + 1.0, trials - hits) >= 1.0 - alpha)
}

/// The smallest proportion with which `hits` or more of `trials` are not rarer than `alpha`. 0 when there are no hits.
#[must_use]
pub fn lower_bound(hits: f64, trials: f64, alpha: f64) -> f64 {
    if hits <= 0.0 {
        return 0.0;
    }
    1.0 - upper_bound(trials - hits, trials, alpha)
}

/// How probable it is that `hits` or more of `trials` come true, each with probability `each`.
#[must_use]
pub fn binomial_tail(hits: u32, trials: u32, each: f64) -> f64 {
    if hits == 0 {
        return 1.0;
    }
    if hits > trials {
        return 0.0;
    }
    // 8.17.5.
    incomplete_beta(each, f64::from(hits), f64::from(trials - hits) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, wanted: f64) {
        assert!((found - wanted).abs() <= 1e-9 * wanted.abs().max(1e-3), "{found} instead of {wanted}");
    }

    #[test]
    fn known_values() {
        close(ln_gamma(0.5), std::f64::consts::PI.sqrt().ln());
        close(ln_gamma(1.0), 0.0);
        close(ln_gamma(11.0), 3_628_800_f64.ln());
        // I_x(a, 1) = x^a, I_x(1, b) = 1 - (1 - x)^b.
        close(incomplete_beta(0.3, 7.5, 1.0), 0.3_f64.powf(7.5));
        close(incomplete_beta(0.01, 1.0, 40.0), 1.0 - 0.99_f64.powi(40));
        close(incomplete_beta(0.5, 1e6, 1e6), 0.5);
    }

    #[test]
    fn the_binomial_sum_is_what_it_should_be() {
        for (n, p) in [(1_u32, 0.3_f64), (12, 0.04), (40, 0.7), (100, 0.5)] {
            let mut term = (1.0 - p).powi(n.cast_signed());
            let mut sum = 0.0;
            for k in 0..n {
                sum += term;
                close(incomplete_beta(1.0 - p, f64::from(n - k), f64::from(k) + 1.0), sum);
                term *= f64::from(n - k) / f64::from(k + 1) * p / (1.0 - p);
            }
        }
    }

    #[test]
    fn bounds_of_none_and_all_have_a_closed_form() {
        close(upper_bound(0.0, 30.0, 0.05), 1.0 - 0.05_f64.powf(1.0 / 30.0));
        close(lower_bound(30.0, 30.0, 0.05), 0.05_f64.powf(1.0 / 30.0));
        close(upper_bound(0.0, 0.0, 0.05), 1.0);
        close(lower_bound(0.0, 0.0, 0.05), 0.0);
        // 3,000 canaries that all answer: the rule of three.
        assert!((upper_bound(0.0, 3_000.0, 0.05) - 0.000_998).abs() < 1e-6);
    }

    #[test]
    fn a_tail_is_the_sum_of_its_terms() {
        close(binomial_tail(5, 5, 0.01), 1e-10);
        close(binomial_tail(2, 3, 0.5), 0.5);
        close(binomial_tail(0, 3, 0.5), 1.0);
        close(binomial_tail(4, 3, 0.5), 0.0);
    }

    #[test]
    fn what_is_refuted_is_as_rare_as_it_says() {
        let upper = upper_bound(7.0, 1_000.0, 0.05);
        close(incomplete_beta(1.0 - upper, 993.0, 8.0), 0.05);
        let lower = lower_bound(7.0, 1_000.0, 0.05);
        close(incomplete_beta(lower, 7.0, 994.0), 0.05);
    }
}

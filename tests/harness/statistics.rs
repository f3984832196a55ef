//! Whether samples may come from one distribution: the chi-square test of homogeneity.

use statrs::distribution::{ChiSquared, ContinuousCDF as _};

/// How likely samples of one distribution differ by as much as these do.
///
/// `samples` are counts, the same values in the same order in each. Values that nobody has do not
/// count. 1 where there is nothing to compare.
pub fn likelihood<C: AsRef<[u64]>>(samples: &[C]) -> f64 {
    let totals: Vec<f64> = samples
        .iter()
        .map(|sample| total(sample.as_ref()))
        .collect();
    let all: f64 = totals.iter().sum();
    let values = samples.first().map_or(0, |sample| sample.as_ref().len());
    let (mut statistic, mut used) = (0.0, 0_u32);
    for value in 0..values {
        let seen = |sample: &C| float(sample.as_ref()[value]);
        let column: f64 = samples.iter().map(seen).sum();
        if column == 0.0 {
            continue;
        }
        used += 1;
        for (sample, size) in samples.iter().zip(&totals) {
            let expected = column * size / all;
            statistic += (seen(sample) - expected).powi(2) / expected;
        }
    }
    let samples = u32::try_from(samples.len()).unwrap();
    match used.saturating_sub(1) * samples.saturating_sub(1) {
        0 => 1.0,
        freedom => ChiSquared::new(f64::from(freedom)).unwrap().sf(statistic),
    }
}

fn total(counts: &[u64]) -> f64 {
    float(counts.iter().sum())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no test counts as far as 2^53, from where on a float skips numbers"
)]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::likelihood;

    /// Computed by hand: with two degrees of freedom it is `exp(-x / 2)`.
    #[test]
    fn known_values() {
        let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-6, "{a} {b}");
        close(likelihood(&[[762, 327, 468], [484, 239, 477]]), KNOWN_TABLE);
        close(likelihood(&[[10_u64, 20], [20, 10], [15, 15]]), KNOWN_ROWS);
    }

    #[test]
    fn the_same_is_likely_and_other_things_are_not() {
        let none: [[u64; 2]; 0] = [];
        assert!(likelihood(&none) > 0.999);
        assert!(likelihood(&[[5_u64, 0], [7, 0]]) > 0.999);
        assert!(likelihood(&[[50_u64, 50], [500, 500]]) > 0.999);
        assert!(likelihood(&[[1_000_u64, 0], [0, 1_000]]) < 1e-100);
    }

    // Agresti (2007), table 2.5: X^2 = 30.070 with 2 degrees of freedom.
    const KNOWN_TABLE: f64 = 2.953_589_183e-7;
    // X^2 = 20/3 with 2 degrees of freedom: exp(-10/3).
    const KNOWN_ROWS: f64 = 0.035_673_993;
}

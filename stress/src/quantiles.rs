//! Quantiles that describe the distribution of values.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    pub count: usize,
    pub min: f64,
    pub p1: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Quantiles {
    /// All fields are zero if there are no values.
    pub fn of(mut values: Vec<f64>) -> Quantiles {
        values.sort_unstable_by(f64::total_cmp);
        let Some(last) = values.len().checked_sub(1) else { return Quantiles::default() };
        // The nearest rank, so the result is always one of the values.
        let at = |share: f64| values[((values.len() as f64 * share).ceil() as usize).clamp(1, last + 1) - 1];
        Quantiles {
            count: values.len(),
            min: values[0],
            p1: at(0.01),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: values[last],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Quantiles;

    #[test]
    fn quantiles_are_values_that_were_there() {
        let hundred = Quantiles::of((1..=100).rev().map(f64::from).collect());
        let of_hundred =
            Quantiles { count: 100, min: 1.0, p1: 1.0, p50: 50.0, p90: 90.0, p99: 99.0, max: 100.0 };
        assert_eq!(hundred, of_hundred);
        let one = Quantiles::of(vec![7.0]);
        assert_eq!(one, Quantiles { count: 1, min: 7.0, p1: 7.0, p50: 7.0, p90: 7.0, p99: 7.0, max: 7.0 });
        assert_eq!(Quantiles::of(Vec::new()), Quantiles::default());
    }
}

//! Figures that were measured, in order.

use std::time::Duration;

/// One figure or more, sorted.
pub struct Sample(Vec<f64>);

impl Sample {
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Sample {
        let mut figures: Vec<_> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        Sample(figures)
    }

    pub fn of_millis<'a>(durations: impl IntoIterator<Item = &'a Duration>) -> Sample {
        Sample::of(durations.into_iter().map(|duration| duration.as_secs_f64() * 1000.0))
    }

    pub fn least(&self) -> f64 {
        self.percentile(0)
    }

    pub fn median(&self) -> f64 {
        self.percentile(50)
    }

    pub fn p99(&self) -> f64 {
        self.percentile(99)
    }

    pub fn most(&self) -> f64 {
        self.percentile(100)
    }

    /// By nearest rank: a figure that was measured, not one between two. Not a number where nothing was measured.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_figure_that_so_many_are_at_most() {
        let sample = Sample::of((1..=200).rev().map(f64::from));
        assert_eq!((sample.least(), sample.median(), sample.p99(), sample.most()), (1.0, 100.0, 198.0, 200.0));
        let one = Sample::of([7.0]);
        assert_eq!((one.median(), one.p99()), (7.0, 7.0));
        assert!(Sample::of([]).median().is_nan());
    }
}

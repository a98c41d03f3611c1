//! Figures of several rounds, and how they are shown.

use std::fmt;

pub(crate) const GIB: f64 = (1_u64 << 30) as f64;

pub(crate) fn met(good: bool) -> &'static str {
    if good { "met" } else { "MISSED" }
}

pub(crate) fn size(bytes: u64) -> String {
    format!("{:.2} GiB", bytes as f64 / GIB)
}

/// The median of some figures, the least and the greatest of them.
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self { least: sorted[0], median: sorted[sorted.len() / 2], most: sorted[sorted.len() - 1] }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:5.2} ({:.2} - {:.2})", self.median, self.least, self.most)
    }
}

/// The ratio of each round.
pub(crate) fn ratios(ours: &[f64], theirs: &[f64]) -> Spread {
    let each: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    Spread::of(&each)
}

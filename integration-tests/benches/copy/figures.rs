//! Figures of several rounds, and how they are shown.

pub(crate) const GIB: f64 = (1_u64 << 30) as f64;

pub(crate) fn size(bytes: u64) -> String {
    format!("{:.2} GiB", bytes as f64 / GIB)
}

/// The middle one of some figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    integration_tests::performance::Spread::of(figures).unwrap().median
}

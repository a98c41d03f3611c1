//! The median of the values of some rounds, the least and the greatest of them.

use std::fmt;

/// A summary of values.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    /// The smallest value.
    pub least: f64,
    /// The middle value; of an even number, the greater one of the two.
    pub median: f64,
    /// The greatest value.
    pub most: f64,
    /// How many values there are.
    pub rounds: usize,
}

impl Spread {
    /// A summary of one value or more.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let [least, most] = [*sorted.first()?, *sorted.last()?];
        Some(Self { least, median: sorted[sorted.len() / 2], most, rounds: sorted.len() })
    }

    /// Whether no value of the one is a value within the other.
    pub fn is_apart(&self, other: &Self) -> bool {
        self.most < other.least || other.most < self.least
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", number(self.median))?;
        if self.rounds == 1 {
            return Ok(());
        }
        write!(f, " ({} - {})", number(self.least), number(self.most))
    }
}

/// A value with three digits that say something.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        0.1.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

//! The faults of a run that have not happened yet.

use super::scenario::{Fault, Scenario, When};

/// The faults that have not happened yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    pub(super) waiting: Vec<Option<(When, Fault)>>,
    pub(super) armed: bool,
}

impl Faults {
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self { waiting: scenario.faults.iter().copied().map(Some).collect(), armed: false }
    }
}

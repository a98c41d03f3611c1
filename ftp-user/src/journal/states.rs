//! The numbers of the states of jobs and files.

use super::checksum::Bad;
use super::record::{ItemState, JobState};
use std::borrow::Cow;

/// The state of a job that a number stands for.
pub(super) fn job_state(number: i64) -> Result<JobState, Bad> {
    match number {
        0 => Ok(JobState::Running),
        1 => Ok(JobState::Done),
        2 => Ok(JobState::Failed),
        3 => Ok(JobState::Cancelled),
        _ => Err(Bad::Row(Cow::Borrowed("a job has no known state"))),
    }
}

/// The number of a state of a file.
pub(super) const fn item_number(state: ItemState) -> i64 {
    match state {
        ItemState::Open => 0,
        ItemState::Done => 1,
        ItemState::Failed => 2,
        ItemState::GivenOver => 3,
    }
}

/// The state of a file that a number stands for.
pub(super) fn item_state(number: i64) -> Result<ItemState, Bad> {
    match number {
        0 => Ok(ItemState::Open),
        1 => Ok(ItemState::Done),
        2 => Ok(ItemState::Failed),
        3 => Ok(ItemState::GivenOver),
        _ => Err(Bad::Row(Cow::Borrowed("a file has no known state"))),
    }
}

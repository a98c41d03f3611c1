//! What is said of jobs of the queue.

use super::*;

#[test]
fn a_change_that_is_refused_names_the_next_verb() {
    use EntryRefusal::{HasEnded, HasNotEnded, IsCancelled, IsCarried, IsNotPaused};
    use QueueState::{Done, Failed, Paused, Running};
    for (why, state, expect) in [
        (HasEnded, Failed, "retry 0000000000000007"),
        (HasEnded, Done, "why 0000000000000007"),
        (HasNotEnded, Paused, "resume 0000000000000007"),
        (HasNotEnded, Running, "why 0000000000000007"),
        (IsCancelled, Running, "why 0000000000000007"),
        (IsNotPaused, Running, "why 0000000000000007"),
        (IsCarried, Running, "without --forget"),
    ] {
        let next = next_verb(why, JobId::new(7), Some(state));
        assert!(next.contains(expect), "{why:?}: {next}");
    }
}

//! Asks many agents the same, several at the same time, all of them within one time: a hub decides how many there are, and
//! nobody knows which of them will answer.

use crate::context::Context;
use crate::session::within;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::task::JoinSet;

/// Agents that are asked. Each has the same share of the time.
pub(super) struct Asking<T> {
    names: VecDeque<String>,
    running: JoinSet<(String, Option<T>)>,
    share: Duration,
    left_out: usize,
}

impl<T: Send + 'static> Asking<T> {
    /// Asks agents with these names, those that are `known` first. Whoever takes longer than `limit` for all of them is not
    /// waited for.
    pub(super) fn new(names: Vec<String>, known: &[String], limit: Duration) -> Self {
        let mut names = in_order(names, known);
        let left_out = names.len().saturating_sub(MAX_ASKED);
        names.truncate(MAX_ASKED);
        let rounds = u32::try_from(names.len().div_ceil(AT_ONCE)).unwrap_or(u32::MAX).max(1);
        Self { names: names.into(), running: JoinSet::new(), share: limit / rounds, left_out }
    }

    /// The next agent and its answer, or `None` if it has not answered within its time. `ask` is told how long that is.
    pub(super) async fn next<F>(
        &mut self,
        context: &Context,
        ask: impl Fn(String, Duration) -> F,
    ) -> Option<(String, Option<T>)>
    where
        F: Future<Output = T> + Send + 'static,
    {
        loop {
            while self.running.len() < AT_ONCE
                && let Some(name) = self.names.pop_front()
            {
                let (context, share) = (context.clone(), self.share);
                let asked = ask(name.clone(), share);
                self.running.spawn(async move { (name, within(&context, share, asked).await) });
            }
            if let Ok(answered) = self.running.join_next().await? {
                return Some(answered);
            }
        }
    }

    /// How many agents are never asked, because there are too many.
    pub(super) const fn left_out(&self) -> usize {
        self.left_out
    }
}

/// The names with those that are known first, in the order in which they are known. The others come in a random order: a hub
/// and those who join it choose names, and not who is asked first.
fn in_order(mut names: Vec<String>, known: &[String]) -> Vec<String> {
    let random = RandomState::new();
    names.sort_by_cached_key(|name| {
        (known.iter().position(|known| known == name).unwrap_or(known.len()), random.hash_one(name))
    });
    names
}

/// How many agents are asked at the same time. A hub lets twice as many calls of one session wait, and a call that was given
/// up waits there a little longer.
const AT_ONCE: usize = 32;
/// Maximum number of agents that are asked: a hub lets one token have no more.
const MAX_ASKED: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use std::future::{pending, ready};

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("agent-{number}")).collect()
    }

    async fn answers(mut asking: Asking<String>, honest: &'static str) -> Vec<(String, Option<String>)> {
        let context = Context::for_tests(Cancel::never());
        let mut answers = Vec::new();
        let ask =
            |name: String, _| async move { if name == honest { ready(name).await } else { pending().await } };
        while let Some(answer) = asking.next(&context, ask).await {
            answers.push(answer);
        }
        answers
    }

    #[test]
    fn agents_that_have_reached_the_servers_before_are_asked_first() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut order = in_order(names("a b c d"), &names("d gone b"));
        assert_eq!(order[..2], names("d b"));
        order.sort();
        assert_eq!(order, names("a b c d"));
    }

    #[tokio::test]
    async fn agents_that_say_nothing_hold_up_no_other() {
        let asking = Asking::new(names(120), &[], Duration::from_millis(400));
        let answers = answers(asking, "agent-77").await;
        assert_eq!(answers.len(), 120);
        let said: Vec<_> = answers.into_iter().filter_map(|(_, answer)| answer).collect();
        assert_eq!(said, ["agent-77"]);
    }

    #[tokio::test]
    async fn a_hub_that_names_agents_without_an_end_is_asked_for_some_of_them() {
        let known = ["agent-20000".to_owned()];
        let asking = Asking::new(names(30_000), &known, Duration::from_millis(400));
        assert_eq!(asking.left_out(), 30_000 - MAX_ASKED);
        let answers = answers(asking, "agent-20000").await;
        assert_eq!(answers.len(), MAX_ASKED);
        assert_eq!(answers.iter().filter(|(_, answer)| answer.is_some()).count(), 1);
    }

    #[test]
    fn all_agents_are_asked_within_one_time() {
        let limit = Duration::from_secs(60);
        for (count, share) in [(0, 60), (1, 60), (AT_ONCE, 60), (AT_ONCE + 1, 30), (30_000, 7)] {
            let asking = Asking::<()>::new(names(count), &[], limit);
            assert_eq!(asking.share.as_secs(), share, "{count}");
        }
    }
}

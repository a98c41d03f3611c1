//! Turns of hooks: programs of the operator that run after uploads. Few run at the same time, and those that
//! wait are bounded, so that nobody's uploads fill the memory or keep the hooks of others waiting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ftp_proto::fair::{Bounds, Fair};
use tokio::sync::oneshot;

use super::limit::{Limit, Use};
use super::owner::Owner;
use super::settings::HookLimits;
use super::turns::{Turn, Turns};

/// The hooks of all sessions.
#[derive(Debug)]
pub struct Hooks {
    turns: Arc<Turns>,
    places: usize,
    /// Those that wait. Who has to make room is told by dropping its sender.
    waiting: Mutex<Fair<Owner, oneshot::Sender<()>>>,
}

impl Hooks {
    /// Nothing runs yet.
    pub(super) fn new(limits: HookLimits) -> Self {
        let turns = if limits.at_once > 1 { Turns::half_each(limits.at_once) } else { Turns::new(1) };
        Self { turns, places: limits.waiting, waiting: Mutex::default() }
    }

    /// Waits for a turn of `owner`. When too many wait, the oldest of whoever has most of them makes room,
    /// and never runs: then this gives nothing.
    pub async fn wait(&self, owner: Owner) -> Option<Turn> {
        let (stay, displaced) = oneshot::channel();
        let bounds = Bounds::new(self.places);
        let (place, _) = self.waiting().admit(bounds, owner.clone(), stay, |_, _| false).ok()?;
        tokio::select! {
            biased;
            turn = self.turns.wait(owner) => {
                self.waiting().remove(place);
                Some(turn)
            }
            _ = displaced => None,
        }
    }

    /// How many hooks wait.
    pub(super) fn in_use(&self) -> Use {
        Use { limit: Limit::Hooks, used: self.waiting().len(), bound: Some(self.places) }
    }

    fn waiting(&self) -> MutexGuard<'_, Fair<Owner, oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinHandle;

    fn named(name: &str) -> Owner {
        Owner::Account(name.into())
    }

    #[tokio::test]
    async fn when_too_many_wait_whoever_has_most_loses_its_oldest() {
        let hooks = Arc::new(Hooks::new(HookLimits { at_once: 1, waiting: 3 }));
        let running = hooks.wait(named("ann")).await.unwrap();
        let wait = |name: &'static str| -> JoinHandle<bool> {
            let hooks = Arc::clone(&hooks);
            tokio::spawn(async move { hooks.wait(named(name)).await.is_some() })
        };
        let mut anns = Vec::new();
        for _ in 0..3 {
            anns.push(wait("ann"));
            tokio::task::yield_now().await;
        }
        assert_eq!(hooks.in_use().used, 3);
        let bob = wait("bob");
        tokio::task::yield_now().await;
        assert!(!anns.remove(0).await.unwrap(), "the oldest of ann makes room for bob");
        assert_eq!(hooks.in_use().used, 3);
        drop(running);
        assert!(bob.await.unwrap());
        for ann in anns {
            assert!(ann.await.unwrap());
        }
        assert_eq!(hooks.in_use().used, 0);
    }
}

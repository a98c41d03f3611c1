//! Turns of hooks: programs of the operator that run after uploads. Few run at the same time, and the number
//! of waiting hooks is bounded, so that the uploads of one account neither fill the memory nor delay the
//! hooks of others.

use std::sync::Arc;

use super::limit::{Limit, Use};
use super::owner::Owner;
use super::settings::HookLimits;
use super::turns::{Turn, Turns};
use ftp_io::crowd::Crowd;

/// The hooks of all sessions.
#[derive(Debug)]
pub struct Hooks {
    turns: Arc<Turns>,
    waiting: Arc<Crowd<Owner>>,
}

impl Hooks {
    /// Nothing runs yet.
    pub(super) fn new(limits: HookLimits) -> Self {
        let turns =
            if limits.at_once > 1 { Turns::with_half_per_owner(limits.at_once) } else { Turns::new(1) };
        Self { turns, waiting: Crowd::new(limits.waiting) }
    }

    /// Waits for a turn of `owner`. When too many wait, the account with most of them loses its oldest.
    /// Returns `None` if this hook was displaced and must not run.
    pub async fn wait(&self, owner: Owner) -> Option<Turn> {
        let mut place = self.waiting.enter(owner.clone())?;
        tokio::select! {
            biased;
            turn = self.turns.wait(owner) => Some(turn),
            () = place.displaced() => None,
        }
    }

    /// How many hooks wait.
    pub(super) fn in_use(&self) -> Use {
        Use { limit: Limit::Hooks, used: self.waiting.len(), bound: Some(self.waiting.places()) }
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

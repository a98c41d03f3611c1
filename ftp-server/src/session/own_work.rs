//! Work that the task of a session does itself while it waits for its client. A task of its own would cost the wake-up
//! of another thread at its start and at its end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Work that is under way, each with what it is for.
pub(super) struct OwnWork<K, T>(Vec<(K, Work<T>)>);

/// One piece of work.
pub(super) type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

impl<K: PartialEq, T> OwnWork<K, T> {
    /// There is no work yet.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds work, which goes on whenever [`Self::poll_next`] is called.
    pub(super) fn push(&mut self, key: K, work: impl Future<Output = T> + Send + 'static) {
        self.0.push((key, Box::pin(work)));
    }

    /// Drops the work for `key`.
    pub(super) fn cancel(&mut self, key: &K) {
        self.0.retain(|(of, _)| of != key);
    }

    /// The result of the next work that ends. Pending if there is none.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        let ended = self.0.iter_mut().enumerate().find_map(|(at, (_, work))| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Some((at, done)),
            Poll::Pending => None,
        });
        match ended {
            Some((at, done)) => {
                drop(self.0.remove(at));
                Poll::Ready(done)
            }
            None => Poll::Pending,
        }
    }

    /// Takes all of it out.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Work<T>> + use<K, T> {
        std::mem::take(&mut self.0).into_iter().map(|(_, work)| work)
    }

    /// How much is under way.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Gives back the room of work that has ended.
    pub(super) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }
}

impl<K, T> fmt::Debug for OwnWork<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnWork").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn work_ends_in_any_order_and_what_is_cancelled_never() {
        let mut work = OwnWork::new();
        let [mut first, mut second, mut third] = [(); 3].map(|()| None);
        for (key, sender) in [(1, &mut first), (2, &mut second), (3, &mut third)] {
            let (send, receive) = oneshot::channel::<()>();
            *sender = Some(send);
            work.push(key, async move {
                receive.await.unwrap();
                key
            });
        }
        work.cancel(&2);
        assert!(second.unwrap().is_closed());
        third.unwrap().send(()).unwrap();
        assert_eq!(poll_fn(|cx| work.poll_next(cx)).await, 3);
        first.unwrap().send(()).unwrap();
        assert_eq!(poll_fn(|cx| work.poll_next(cx)).await, 1);
        assert_eq!(work.take().count(), 0);
    }
}

//! Threads that make slow hashes. They are few and their own, so that neither files nor other sessions
//! wait for them.

use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use ftp_io::lock::Lock;

type Work = Box<dyn FnOnce() + Send>;

/// A fixed number of threads. They end when this is dropped.
pub(super) struct Threads(Sender<Work>);

impl Threads {
    /// Starts `count` threads, at least one. A thread that cannot be started is left out; work that no
    /// thread can do is dropped.
    pub(super) fn new(count: usize) -> Self {
        let (sender, receiver) = channel::<Work>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..count.max(1) {
            let receiver = Arc::clone(&receiver);
            let started = thread::Builder::new().name("ftp-hash".to_owned()).spawn(move || work(&receiver));
            if let Err(error) = started {
                tracing::error!(%error, "cannot start a thread for hashes of passwords");
            }
        }
        Self(sender)
    }

    /// Has `work` done as soon as a thread is free.
    pub(super) fn run(&self, work: Work) {
        // Without a thread the work is dropped, and the login that waits for it is told.
        let _ = self.0.send(work);
    }
}

fn work(receiver: &Mutex<Receiver<Work>>) {
    loop {
        let next = receiver.locked().recv();
        match next {
            Ok(work) => work(),
            Err(_) => return,
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Threads")
    }
}

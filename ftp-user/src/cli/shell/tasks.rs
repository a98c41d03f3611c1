//! What goes on beside the lines: directories are listed for completion, and sites are probed.

use super::known::Shared;
use super::remote::Servers;
use crate::context::Cancel;
use crate::shell::{ANSWER, Directory, Input, Output, Probe};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, mpsc};

/// Starts both. They end with the program.
pub(super) fn start(known: &Shared, servers: &Servers, wanted: mpsc::Receiver<Directory>) {
    tokio::spawn(refresh(known.clone(), servers.clone(), wanted));
    tokio::spawn(probe(known.clone(), servers.clone()));
}

/// Lists what is wanted, a few directories at the same time, and each once.
async fn refresh(known: Shared, servers: Servers, mut wanted: mpsc::Receiver<Directory>) {
    let places = Arc::new(Semaphore::new(MOST_LISTINGS));
    let busy: Arc<Mutex<HashSet<Directory>>> = Arc::default();
    while let Some(directory) = wanted.recv().await {
        known.watch(&directory);
        let is_new = busy.lock().unwrap_or_else(PoisonError::into_inner).insert(directory.clone());
        if !is_new {
            continue;
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (known, servers, busy) = (known.clone(), servers.clone(), Arc::clone(&busy));
        tokio::spawn(async move {
            if !known.is_down(&directory)
                && let Ok(look) = servers.list(&directory, "", &Cancel::never()).await
            {
                known.lock().cache.keep(directory.clone(), look.listed);
            }
            busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&directory);
            drop(place);
        });
    }
}

/// Asks sites whether they answer, whenever the keeper of their status wants to know.
async fn probe(known: Shared, servers: Servers) {
    loop {
        let now = known.clock.now();
        let output = known.lock().keeper.poll(now);
        match output {
            Output::Probe(probe) => {
                tokio::spawn(ask(known.clone(), servers.clone(), probe));
            }
            Output::Wait(until) => tokio::select! {
                () = known.clock.sleep_until(until) => {}
                () = known.changed.notified() => {}
            },
        }
    }
}

async fn ask(known: Shared, servers: Servers, probe: Probe) {
    let answered = tokio::time::timeout(ANSWER, servers.answers(&probe.site)).await == Ok(true);
    let input = if answered { Input::Answered(probe) } else { Input::Missed(probe) };
    known.lock().keeper.input(known.clock.now(), input);
    known.changed.notify_one();
}

/// The largest number of directories that are listed at the same time.
const MOST_LISTINGS: usize = 4;

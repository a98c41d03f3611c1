//! Directories are listed for completion, beside the lines.

use super::known::Shared;
use super::remote::Servers;
use crate::context::Cancel;
use crate::shell::Directory;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Semaphore, mpsc};

/// Lists what is wanted, a few directories at the same time, and each once.
pub(super) async fn list_wanted(known: Shared, servers: Servers, mut wanted: mpsc::Receiver<Directory>) {
    let places = Arc::new(Semaphore::new(MOST_LISTINGS));
    let busy: Arc<Mutex<HashSet<Directory>>> = Arc::default();
    while let Some(directory) = wanted.recv().await {
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

/// The largest number of directories that are listed at the same time.
const MOST_LISTINGS: usize = 4;

//! `--store`: the journal of jobs in a database, in the place of that of the state directory.

use super::asked::READ_WORDS;
use super::{General, program};
use crate::config;
use crate::context::Store;
use crate::failure::{Failure, Result};
use crate::journal::{Journal, Password, PostgresUrl, SharedDocuments, StoreUrl};
use ftp_io::simulated;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// What is kept between runs.
pub(super) fn kept(general: &General) -> Result<Store> {
    let journal = journal(general)?;
    let memory = general.hands.memory.clone().or_else(|| memory(&journal));
    Ok(Store::beside(journal, memory, general.state_directory()))
}

/// What several hosts remember together, if this journal is theirs.
pub(super) fn memory(journal: &Journal) -> Option<SharedDocuments> {
    journal.is_shared().then(|| SharedDocuments::of(journal.clone()))
}

/// The journal of jobs: that of the state directory, or the one that `--store` names.
///
/// # Errors
///
/// The store that was named cannot be used by this program, or its password cannot be read.
pub(super) fn journal(general: &General) -> Result<Journal> {
    match &general.store {
        None => Ok(Journal::at(general.state_directory(), READ_WORDS)),
        Some(StoreUrl::Sqlite(path)) => Ok(Journal::at(Some(directory_of(path)?), READ_WORDS)),
        Some(StoreUrl::Postgres(url)) => database(general, url),
    }
}

/// The same for a verb that is about jobs: mistakes in the settings, which may name the store, are told.
///
/// # Errors
///
/// Those of [`journal`], and the settings have mistakes.
pub(super) fn journal_of_jobs(general: &General) -> Result<Journal> {
    if general.store.is_none() {
        program::settings(general.job.config.as_deref()).map_err(|mistake| {
            let hints = mistake.hint.clone().into_iter().chain([WITHOUT_SETTINGS.to_owned()]);
            mistake.hint(Vec::from_iter(hints).join("; "))
        })?;
    }
    journal(general)
}

/// How jobs are reached beside settings that may name another store and have mistakes.
const WITHOUT_SETTINGS: &str = "--store URL names the store of the jobs without them";

/// The same options for a verb that looks at jobs, or changes them where they are stored. If settings that name no store have
/// mistakes, the jobs are those of the state directory. They are a warning if the verb `tells` of them.
pub(super) async fn despite_settings(general: General, tells: bool) -> Result<General> {
    let named = general.job.config.as_deref();
    let Err(mistake) = program::settings(named) else { return Ok(general) };
    let text = config::settings_file(named).and_then(|path| fs::read_to_string(path).ok());
    let (warning, general) = match (&general.store, text, general.state_directory()) {
        (Some(_), ..) => (mistake.to_string(), general),
        (None, Some(text), Some(directory)) if !text.contains(config::STORE) => {
            let warning = format!("{mistake}; the jobs are those of {}", directory.display());
            (warning, General { store: Some(StoreUrl::Sqlite(directory.join("journal.db"))), ..general })
        }
        (None, ..) => return Ok(general),
    };
    if tells {
        general.warn(warning).await?;
    }
    Ok(general)
}

/// The pause before the next look at a job whose end was waited for so long. It grows with the time, so that a job of days costs
/// little.
pub(super) fn pause(waited: Duration) -> Duration {
    (waited / 50).clamp(SHORT_PAUSE, LOOK_AGAIN)
}

/// Waits until a job may have changed whose end was `waited` for so long. A database tells it to whoever listens; another store is
/// looked at.
pub(super) async fn may_have_changed(general: &General, heard: &Notify, waited: Duration) {
    sleep(pause(waited)).await;
    if is_database(general) {
        let _ = timeout(LOOK_AGAIN, heard.notified()).await;
    }
}

/// How long is waited before a store that is away is asked again.
pub(super) const LONG_PAUSE: Duration = Duration::from_secs(2);
/// The longest time between two looks at a job that is waited for, if nothing is told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The shortest one.
const SHORT_PAUSE: Duration = Duration::from_millis(50);

/// Whether the journal is in a database that several hosts may share.
pub(super) fn is_database(general: &General) -> bool {
    match &general.store {
        None => false,
        Some(StoreUrl::Sqlite(_)) => simulated::shares_stores(),
        Some(StoreUrl::Postgres(_)) => true,
    }
}

/// Whether the journal is not the one of this state directory. It was opened before.
pub(super) fn is_elsewhere(general: &General, directory: &Path) -> bool {
    match &general.store {
        None => false,
        Some(StoreUrl::Postgres(_)) => true,
        Some(StoreUrl::Sqlite(path)) => {
            let whole = |path: &Path| path.canonicalize().ok();
            path.parent().and_then(whole) != whole(directory)
        }
    }
}

/// The password of the database, and why a password file was left alone.
fn password(general: &General, url: &PostgresUrl) -> Result<Option<Password>> {
    if let Some(file) = &general.store_password_file {
        return Password::of_file(file).map(Some).map_err(|error| {
            Failure::of_this_host(format!("--store-password-file {} cannot be read", file.display()), &error)
        });
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let Some(file) = Password::pgpass_path(variable("PGPASSFILE"), variable("HOME").as_deref()) else {
        return Ok(None);
    };
    let found = Password::of_pgpass(&file, url);
    match found.warning {
        Some(why) => {
            Err(Failure::usage(why).hint("set its mode to 0600, or name another with --store-password-file"))
        }
        None => Ok(found.password),
    }
}

#[cfg(feature = "postgres")]
fn database(general: &General, url: &PostgresUrl) -> Result<Journal> {
    Ok(Journal::in_database(url.clone(), password(general, url)?))
}

#[cfg(not(feature = "postgres"))]
fn database(general: &General, url: &PostgresUrl) -> Result<Journal> {
    drop(password(general, url)?);
    Err(Failure::usage("this ftp-user was built without PostgreSQL")
        .hint("build it with --features postgres"))
}

/// The state directory whose journal is at that path.
fn directory_of(path: &Path) -> Result<PathBuf> {
    let parent = path.parent().filter(|_| path.file_name().is_some_and(|name| name == "journal.db"));
    parent.map(PathBuf::from).ok_or_else(|| {
        Failure::usage(format!("{} is not the name of a journal", path.display()))
            .hint("write sqlite:DIR/journal.db, or --state DIR")
    })
}

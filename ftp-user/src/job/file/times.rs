//! A copy gets the modification time and the permissions of its source, where the destination can set them.

use crate::context::Context;
use crate::endpoint::Host;
use crate::endpoint::files::{self, SetFact};
use crate::failure::Result;
use crate::job::Item;
use crate::job::request::job::Options;
use crate::report::Topic;
use crate::route::Ends;
use ftp_proto::listing::When;
use ftp_proto::wire::PathName;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};

/// Gives what was stored the time of its source, before it gets its final name.
pub(in crate::job) async fn set(
    context: &Context,
    ends: &mut Ends,
    stored: &PathName,
    time: Option<When>,
) -> Result<()> {
    match time.filter(|_| !ends.no_times.load(Ordering::Relaxed)) {
        Some(time) => files::set_modified(context, &mut ends.destination, stored, time).await,
        None => Ok(()),
    }
}

/// Tells once that the destination sets no times. Nothing is wrong with a copy that is there already, so that a session
/// which is lost now fails nothing.
pub(in crate::job) async fn tell(context: &Context, ends: &mut Ends) {
    if let Ok(Some(refusal)) = files::time_refusal(&mut ends.destination).await {
        tell_refusal(context, ends, &refusal.to_string());
    }
}

/// Tells once why the destination sets no times.
pub(in crate::job) fn tell_refusal(context: &Context, ends: &Ends, refusal: &str) {
    if !ends.no_times.swap(true, Ordering::Relaxed) {
        context.run.events.notice(format!("modification times are not kept: {refusal}"));
    }
}

/// Gives what was stored the permissions of its source, before it gets its final name. If the destination does not set
/// them, that is told once.
pub(in crate::job) async fn set_mode(
    context: &Context,
    ends: &mut Ends,
    stored: &PathName,
    mode: u32,
) -> Result<()> {
    if ends.no_modes.load(Ordering::Relaxed) {
        return Ok(());
    }
    let mode = [(stored.clone(), SetFact::Mode(mode & KEPT))];
    let refusal = files::set_facts(context, &mut ends.destination, &mode).await?;
    if let Some(refusal) = refusal
        && !ends.no_modes.swap(true, Ordering::Relaxed)
    {
        let text = format!("permissions are not kept: {refusal}");
        context.run.events.warn_of(Topic::Permissions, ends.destination.name(), text);
    }
    Ok(())
}

/// Tells that the source does not tell the permissions of a file. It may tell those of others.
pub(in crate::job) fn tell_unknown_mode(context: &Context, ends: &Ends, item: &Item) {
    let (source, _) = item.names(ends);
    let text = format!("{source} is copied without its permissions: its server does not tell them");
    context.run.events.warn_of(Topic::Permissions, ends.source.name(), text);
}

/// What a copy of a directory gets after its contents, as far as it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Attributes {
    /// When it was modified last.
    pub(crate) modified: Option<When>,
    /// Its permission bits.
    pub(crate) mode: Option<u32>,
}

/// What directories get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job) struct KeptFacts {
    /// The modification times of their sources.
    pub(in crate::job) times: bool,
    /// The permissions of their sources.
    pub(in crate::job) modes: bool,
    /// Whether it was said that the source does not tell them.
    is_lack_said: bool,
}

impl KeptFacts {
    /// What these options ask for, without what the destination has refused for files.
    pub(in crate::job) fn of(options: Options, ends: &Ends) -> Self {
        let is_set = |refused: &AtomicBool| !refused.load(Ordering::Relaxed);
        Self {
            times: options.times && is_set(&ends.no_times),
            modes: options.perms && is_set(&ends.no_modes),
            is_lack_said: false,
        }
    }

    /// What the source has not told of one of these directories, unless that was said.
    fn lack(&mut self, directories: &[(PathName, Attributes)]) -> Option<&'static str> {
        let lacks = |is_known: fn(&Attributes) -> bool| !directories.iter().all(|(_, of)| is_known(of));
        let no_times = self.times && lacks(|of| of.modified.is_some());
        let no_modes = self.modes && lacks(|of| of.mode.is_some());
        let lack = match (no_times, no_modes) {
            _ if self.is_lack_said => None,
            (true, true) => Some("modification times and permissions"),
            (true, false) => Some("modification times"),
            (false, true) => Some("permissions"),
            (false, false) => None,
        };
        self.is_lack_said |= lack.is_some();
        lack
    }
}

/// Gives directories what they get after their contents. What the destination refuses is told, and not asked for again;
/// what the source does not tell is said once.
///
/// # Errors
///
/// The job is not this run's any more: whoever has it does the rest.
pub(in crate::job) async fn finish_directories(
    context: &Context,
    destination: &mut Host,
    directories: &[(PathName, Attributes)],
    wanted: &mut KeptFacts,
) -> Result<()> {
    if let Some(lack) = wanted.lack(directories) {
        let text = format!("of directories, {lack} are not kept: the source does not tell them");
        context.run.events.notice(text);
    }
    let of_all = |fact: fn(&Attributes) -> Option<SetFact>| -> Vec<(PathName, SetFact)> {
        directories.iter().filter_map(|(path, of)| Some((path.clone(), fact(of)?))).collect()
    };
    if wanted.times {
        let times = of_all(|of| of.modified.map(SetFact::Modified));
        context.confirm_job().await?;
        let refusal = files::set_facts(context, destination, &times).await;
        if let Some(refusal) = refusal.unwrap_or_else(Some) {
            wanted.times = false;
            context.run.events.notice(format!("of directories, modification times are not kept: {refusal}"));
        }
    }
    if wanted.modes {
        let modes = of_all(|of| of.mode.map(|mode| SetFact::Mode(mode & KEPT)));
        context.confirm_job().await?;
        let refusal = files::set_facts(context, destination, &modes).await;
        if let Some(refusal) = refusal.unwrap_or_else(Some) {
            wanted.modes = false;
            context.run.events.warn(format!("of directories, permissions are not kept: {refusal}"));
        }
    }
    Ok(())
}

/// Who may read, write and execute. Bits that give a program the rights of its owner are never kept: the source may be
/// somebody else's.
const KEPT: u32 = 0o777;

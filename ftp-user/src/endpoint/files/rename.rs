//! Final names: RNFR and RNTO, and what shows that a server has obeyed them.
//!
//! | the final name | what RNTO says | what is done |
//! |---|---|---|
//! | was free | 250 | the first one of a session is looked for |
//! | was taken, and the server tells `unique` or the digest | 250 | it is believed if the final name shows that of the new file |
//! | was taken, and the server tells neither | not sent yet | the old file is renamed aside first |
//! | any, if the size of the new file was verified | 202 | both names are looked at: if only the final one is there, with that size, it was renamed |
//! | was taken | a refusal, or 250 while the new file still has its other name | the old file is renamed aside, and RNTO is sent again |

use super::digests::DigestQuery;
use super::look::facts_at_server;
use super::names::delete_own_at_server;
use super::stored_name::check_stored_name_at_server;
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{self, Failure, Result};
use crate::session::{Answer, Facts, Session};
use ftp_proto::command::{Command, Verb};
use ftp_proto::dialect::Dialect;
use ftp_proto::digest::Digest;
use ftp_proto::listing::Kind;
use ftp_proto::manners::entry_in;
use ftp_proto::reply::{Blame, Meaning};
use ftp_proto::wire::PathName;

/// What tells a new file from an old one under the same name.
enum Mark {
    /// The identity that the server gives to the file.
    Unique(String),
    /// The digest of the file.
    Digest(Digest),
}

/// The names of a renaming for which MLST is sent together with it.
#[derive(Clone, Copy)]
enum RenameChecks {
    /// None of them.
    Nowhere,
    /// The new one, after the renaming.
    AtNewName,
    /// The old one before the renaming, and the new one after it.
    AtBothNames,
}

/// What MLST has said of the names of a renaming, if it was asked.
#[derive(Default)]
struct RenameFacts {
    /// Of the old name, before the renaming.
    old: Option<Answer>,
    /// Of the new name, after it.
    new: Option<Answer>,
}

/// A reply that refuses a renaming.
struct Refusal {
    failure: Failure,
    /// Whether it refuses the new name, not the old one.
    is_of_new_name: bool,
    /// Whether it says that this is superfluous (202): then the server may have done it.
    is_superfluous: bool,
}

/// Gives a file its final name, replacing what has it: `replaced` says where that is.
///
/// # Errors
///
/// Fails if the file was not renamed. See [`rename_at_server`].
pub async fn rename(
    context: &Context,
    host: &mut Host,
    (from, to): (&PathName, &PathName),
    replaced: &mut Replacement,
) -> Result<()> {
    match host {
        Host::Server(server) => rename_at_server(server.session(context).await?, from, to, replaced).await,
        Host::Local(here) => {
            context.confirm_job().await?;
            here.rename(from, to)
        }
    }
}

/// Gives a file its final name at a server, replacing what has it. If the server has changed the name, the file is
/// renamed back and the call fails. `replaced` knows afterwards where the old file is, also if the call fails or is
/// dropped.
///
/// # Errors
///
/// The server refuses it, cannot rename at all ([`About::NoRename`](failure::About::NoRename)), has given the file
/// another name, or does not show it under the new one.
pub async fn rename_at_server(
    session: &mut Session,
    from: &PathName,
    to: &PathName,
    replaced: &mut Replacement,
) -> Result<()> {
    let before = replaced.before.clone();
    let mut renaming = FinalRename { session: &mut *session, from, to, replaced };
    let looked = match before {
        FinalName::Taken(digest) => {
            renaming.onto_taken_name(digest).await?;
            None
        }
        FinalName::Free => renaming.onto_free_name().await?,
    };
    let named = check_stored_name_at_server(session, to).await;
    if named.is_err() && !session.is_over() {
        name(session, to, from).await?;
    }
    named?;
    check_first_name(session, to, looked).await
}

/// A file that gets its final name.
struct FinalRename<'a> {
    session: &'a mut Session,
    from: &'a PathName,
    to: &'a PathName,
    /// What is known of an old file that has the name, and where it is.
    replaced: &'a mut Replacement,
}

impl FinalRename<'_> {
    /// Gives it a name that nothing had. Returns what the server has said of it, if it was asked.
    async fn onto_free_name(&mut self) -> Result<Option<Answer>> {
        let manners = &self.session.manners;
        // A server that takes commands ahead is asked for the first name together with the renaming.
        let looks = match manners.looks_for_names() && manners.capabilities.takes_ahead {
            true => RenameChecks::AtNewName,
            false => RenameChecks::Nowhere,
        };
        match name_and_look(self.session, self.from, self.to, looks).await? {
            Ok(shown) => Ok(shown.new),
            Err(refusal) => self.after_refusal(refusal).await.map(|()| None),
        }
    }

    /// Gives it a name that another file had before the copy.
    async fn onto_taken_name(&mut self, digest: Option<Digest>) -> Result<()> {
        if self.session.manners.capabilities.takes_ahead && self.session.manners.tells_unique() {
            let shown =
                match name_and_look(self.session, self.from, self.to, RenameChecks::AtBothNames).await? {
                    Ok(shown) => shown,
                    Err(refusal) => return self.after_refusal(refusal).await,
                };
            if shown.is_one_file() || shown.is_refused() {
                self.session.manners.renames = true;
                return Ok(());
            }
            return self.look_again(digest).await;
        }
        let Some(mark) = self.mark(digest.clone()).await? else {
            if is_file(self.session, self.to).await? {
                return self.replace().await;
            }
            // It has gone meanwhile, or was renamed to be kept.
            return match name_and_look(self.session, self.from, self.to, RenameChecks::Nowhere).await? {
                Ok(_) => self.check_named().await,
                Err(refusal) => self.after_refusal(refusal).await,
            };
        };
        if let Err(refusal) = name_and_look(self.session, self.from, self.to, RenameChecks::Nowhere).await? {
            return self.after_refusal(refusal).await;
        }
        if self.shows(&mark).await? {
            self.session.manners.renames = true;
            return Ok(());
        }
        self.look_again(digest.filter(|_| matches!(mark, Mark::Unique(_)))).await
    }

    /// After a positive reply to RNTO, the final name does not show the new file. Some servers give a file another identity with
    /// its name, so a digest that was not asked for yet may show it all the same.
    async fn look_again(&mut self, digest: Option<Digest>) -> Result<()> {
        if let Some(digest) = digest
            && self.shows(&Mark::Digest(digest)).await?
        {
            self.session.manners.changes_unique = true;
            return Ok(());
        }
        // A server that tells no size may not know what has a name.
        let has_old_name =
            facts_at_server(self.session, self.from).await?.is_some_and(|facts| facts.size.is_some());
        if has_old_name && is_file(self.session, self.to).await? {
            return self.replace().await;
        }
        self.session.manners.changes_unique = true;
        Err(not_renamed(self.session, self.to))
    }

    /// What the final name has to show after the renaming: the identity of the new file, or else its digest. `None` if the
    /// server tells neither.
    async fn mark(&mut self, digest: Option<Digest>) -> Result<Option<Mark>> {
        if self.session.manners.tells_unique() {
            let found = facts_at_server(self.session, self.from).await;
            if let Some(unique) = told(self.session, found)?.flatten().and_then(|facts| facts.unique) {
                return Ok(Some(Mark::Unique(unique)));
            }
        }
        let capabilities = &self.session.manners.capabilities;
        let is_told = |digest: &Digest| capabilities.digest_command(digest.algorithm).is_some();
        Ok(digest.filter(is_told).map(Mark::Digest))
    }

    /// Whether the file with the final name has the mark. A server that does not say so now shows nothing.
    async fn shows(&mut self, mark: &Mark) -> Result<bool> {
        let shown = match mark {
            Mark::Unique(unique) => facts_at_server(self.session, self.to)
                .await
                .map(|facts| facts.is_some_and(|facts| facts.unique.as_ref() == Some(unique))),
            Mark::Digest(digest) => {
                let size = self.replaced.size.unwrap_or(0);
                let algorithm = digest.algorithm;
                let mut file = DigestQuery { session: self.session, algorithm, path: self.to };
                file.ask_whole(size)
                    .await
                    .map(|told| told.is_ok_and(|told| told.hex.eq_ignore_ascii_case(&digest.hex)))
            }
        };
        Ok(told(self.session, shown)?.unwrap_or(false))
    }

    /// Some servers do not rename to a name that is taken, and say so in all kinds of words. If the new name is refused and the old
    /// file has it, that is renamed aside. What has got a name that was free is another file, and stays.
    async fn after_refusal(&mut self, refusal: Refusal) -> Result<()> {
        if !refusal.is_of_new_name || self.session.is_over() {
            return Err(refusal.failure);
        }
        if self.has_moved(&refusal).await? {
            self.session.manners.renames = true;
            return Ok(());
        }
        let was_taken = matches!(self.replaced.before, FinalName::Taken(_));
        if !was_taken || !is_file(self.session, self.to).await.unwrap_or(false) {
            return Err(refusal.failure);
        }
        match self.set_aside().await? {
            Ok(()) => self.replace_aside().await,
            // The first reply says why.
            Err(_) => Err(refusal.failure),
        }
    }

    /// Whether the new file has its final name although the server calls RNTO superfluous. Without a verified size this cannot be
    /// told from another file. After any other refusal the answer is no: a server may hide the part.
    async fn has_moved(&mut self, refusal: &Refusal) -> Result<bool> {
        match self.replaced.size.filter(|_| refusal.is_of_new_name && refusal.is_superfluous) {
            Some(size) => has_moved(self.session, self.from, self.to, Some(size)).await,
            None => Ok(false),
        }
    }

    /// Renames the old file aside, then gives the new one its name.
    async fn replace(&mut self) -> Result<()> {
        self.set_aside().await??;
        self.replace_aside().await
    }

    /// Renames the old file aside. If the answer is missing, it may have either name.
    async fn set_aside(&mut self) -> Result<Result<()>> {
        self.replaced.is_aside = true;
        let named = try_name(self.session, self.to, &self.replaced.aside).await?;
        self.replaced.is_aside = named.is_ok() || self.session.is_over();
        Ok(named)
    }

    /// Gives the new file its name while the old one is aside. The old file is put back if the new one does not get the name, and
    /// deleted only after that was seen. If it is not there then, the server may cut names: its other name was that of the new file,
    /// and what has the final name is the old one.
    async fn replace_aside(&mut self) -> Result<()> {
        let named = match name_and_look(self.session, self.from, self.to, RenameChecks::Nowhere).await? {
            Ok(_) => match self.check_named().await {
                Err(failure) if is_unanswered(self.session, &failure) => return Err(failure),
                named => named,
            },
            Err(refusal) if self.session.is_over() => return Err(refusal.failure),
            Err(refusal) if self.has_moved(&refusal).await? => Ok(()),
            Err(refusal) => Err(refusal.failure),
        };
        let aside = &self.replaced.aside;
        self.replaced.is_aside = match named {
            Ok(()) => match delete_own_at_server(self.session, aside).await {
                Ok(true) => false,
                // A server may say once that nothing is there, and be wrong.
                Ok(false) if facts_at_server(self.session, aside).await?.is_some() => true,
                Ok(false) => {
                    self.replaced.is_aside = false;
                    let (to, aside) = (self.to.display(), aside.display());
                    let what = format!("{to} may be the old file, because that has gone from {aside}");
                    return Err(Failure::new(failure::Kind::Unverified, what));
                }
                // It is deleted later.
                Err(_) => true,
            },
            Err(_) => put_back_at_server(self.session, aside, self.to).await.unwrap_or(true),
        };
        named
    }

    /// Looks at both names after a rename. The word of the server is not enough where an old file is deleted next. If the new
    /// file has not the size that it had, it gets its other name back.
    async fn check_named(&mut self) -> Result<()> {
        let there = facts_at_server(self.session, self.to).await?.filter(|facts| facts.kind == Kind::File);
        // A server that renames nothing may still have the old file there. One that tells no size may not know.
        let is_renamed =
            facts_at_server(self.session, self.from).await?.is_none_or(|facts| facts.size.is_none());
        let Some(there) = there.filter(|_| is_renamed) else {
            return Err(not_named(self.session, self.to));
        };
        if let (Some(size), Some(stored)) = (self.replaced.size, there.size)
            && size != stored
        {
            name(self.session, self.to, self.from).await?;
            let to = self.to.display();
            let what = format!("{to} had {stored} bytes after it was renamed, and {size} before");
            return Err(Failure::new(failure::Kind::Unverified, what));
        }
        self.session.manners.renames = true;
        Ok(())
    }
}

/// Whether a file has the name, or a link.
async fn is_file(session: &mut Session, name: &PathName) -> Result<bool> {
    let found = facts_at_server(session, name).await;
    Ok(told(session, found)?.flatten().is_some_and(|facts| is_of_file(&facts)))
}

const fn is_of_file(facts: &Facts) -> bool {
    matches!(facts.kind, Kind::File | Kind::Link)
}

/// Looks for the first file that this session has renamed. `looked` is what the server has said of it already.
async fn check_first_name(session: &mut Session, to: &PathName, looked: Option<Answer>) -> Result<()> {
    let is_absent = match looked {
        Some(answer) => !answer.is_done() && session.blame(&answer) == Blame::Missing,
        None => session.manners.looks_for_names() && facts_at_server(session, to).await?.is_none(),
    };
    if is_absent {
        return Err(not_named(session, to));
    }
    session.manners.renames = true;
    Ok(())
}

/// Whether only the new name is there, as that of a file of this size, if that matters.
async fn has_moved(session: &mut Session, from: &PathName, to: &PathName, size: Option<u64>) -> Result<bool> {
    let old = facts_at_server(session, from).await;
    if told(session, old)?.is_none_or(|old| old.is_some()) {
        return Ok(false);
    }
    let new = facts_at_server(session, to).await;
    let new = told(session, new)?.flatten();
    Ok(new.is_some_and(|new| is_of_file(&new) && (size.is_none() || size == new.size)))
}

/// What a server has told; `None` if it refuses to.
///
/// # Errors
///
/// There was no answer.
fn told<T>(session: &Session, answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Err(failure) if is_unanswered(session, &failure) => Err(failure),
        answer => Ok(answer.ok()),
    }
}

/// Whether it is not known what the server has done.
fn is_unanswered(session: &Session, failure: &Failure) -> bool {
    session.is_over() || matches!(failure.kind, failure::Kind::Temporary | failure::Kind::Interrupted)
}

/// The failure if a server says that it has renamed a file and does not show it under its new name.
fn not_named(session: &Session, to: &PathName) -> Failure {
    let what = format!("{} is not there", to.display());
    Failure::new(failure::Kind::Unverified, what)
        .said(format!("{} has said that it renamed the finished copy, and does not show it", session.title))
        .hint("look at the directory: the copy may have another name")
}

/// The failure if a server says that it has renamed a file, and another one has the new name.
fn not_renamed(session: &Session, to: &PathName) -> Failure {
    let what = format!("{} is another file than the finished copy", to.display());
    Failure::new(failure::Kind::Unverified, what)
        .said(format!("{} has said that it renamed the finished copy to that name", session.title))
        .hint("look at the directory, and copy the file again")
}

/// Gives an old file its name back that [`rename`] has renamed aside, unless a new file has the name.
/// Returns whether it still has the other one.
///
/// # Errors
///
/// The server refuses the rename, or cannot be asked.
pub async fn put_back(context: &Context, host: &mut Host, aside: &PathName, to: &PathName) -> Result<bool> {
    let Host::Server(server) = host else { return Ok(false) };
    put_back_at_server(server.session(context).await?, aside, to).await
}

async fn put_back_at_server(session: &mut Session, aside: &PathName, target: &PathName) -> Result<bool> {
    if facts_at_server(session, aside).await?.is_none() {
        return Ok(false);
    }
    if facts_at_server(session, target).await?.is_some() {
        return Ok(true);
    }
    name(session, aside, target).await?;
    // It is the only one of its content.
    if facts_at_server(session, target).await?.is_none() {
        Err(not_named(session, target))
    } else {
        Ok(false)
    }
}

/// Renames where one of the names is the job's alone. If RNTO is refused, both names show whether it was done all the same.
async fn try_name(session: &mut Session, from: &PathName, to: &PathName) -> Result<Result<()>> {
    let Err(refusal) = name_and_look(session, from, to, RenameChecks::Nowhere).await? else {
        return Ok(Ok(()));
    };
    let may_be_done = refusal.is_of_new_name && !session.is_over();
    let is_done = may_be_done && has_moved(session, from, to, None).await?;
    Ok(if is_done { Ok(()) } else { Err(refusal.failure) })
}

async fn name(session: &mut Session, from: &PathName, to: &PathName) -> Result<()> {
    try_name(session, from, to).await?
}

/// Renames, and returns what MLST says of the names at which it `looks`; then the server must take commands ahead. The inner
/// error is a reply that refuses one of both names; the outer one says that no final reply came.
async fn name_and_look(
    session: &mut Session,
    from: &PathName,
    to: &PathName,
    looks: RenameChecks,
) -> Result<Result<RenameFacts, Refusal>> {
    session.check_name(from).await?;
    session.check_name(to).await?;
    session.context.confirm_job().await?;
    let what = format!("cannot rename the finished copy to {}", to.display());
    let (first, second) = (Command::Rnfr(from.clone()), Command::Rnto(to.clone()));
    let mlst = |name: &PathName| Command::Mlst(Some(name.clone()));
    let old = matches!(looks, RenameChecks::AtBothNames).then(|| session.send(mlst(from), None));
    let first = session.send(first, None);
    // A server that takes commands ahead refuses the second one if it has refused the first.
    let mut ahead = session.manners.capabilities.takes_ahead.then(|| session.send(second.clone(), None));
    let new = (!matches!(looks, RenameChecks::Nowhere)).then(|| session.send(mlst(to), None));
    let mut shown = RenameFacts::default();
    if let Some(old) = old {
        shown.old = Some(session.answer_to(old, Verb::Mlst).await?);
    }
    for (is_first, verb) in [(true, Verb::Rnfr), (false, Verb::Rnto)] {
        if !is_first && ahead.is_none() {
            session.context.confirm_job().await?;
        }
        let id =
            if is_first { first } else { ahead.take().unwrap_or_else(|| session.send(second.clone(), None)) };
        let answer = session.answer_to(id, verb).await?;
        if answer.is_done() {
            continue;
        }
        let failure = session.refusal(what, &answer);
        if let Some(new) = new {
            shown.new = Some(session.answer_to(new, Verb::Mlst).await?);
        }
        let failure = match session.blame(&answer) {
            Blame::Unsupported if is_first => {
                session.manners.cannot_rename = true;
                failure.as_kind(failure::Kind::NoPath).about(failure::About::NoRename)
            }
            // Nothing unverified may stand under the final name, and there is no other way to it.
            Blame::Unsupported => failure.as_kind(failure::Kind::NoPath),
            Blame::Missing => failure.as_kind(failure::Kind::Refused),
            Blame::File | Blame::Space | Blame::Login | Blame::Path | Blame::Busy | Blame::Peer => failure,
        };
        let is_superfluous = answer.reply.code == Meaning::Superfluous.code(Dialect::Rfc959);
        return Ok(Err(Refusal { failure, is_of_new_name: !is_first, is_superfluous }));
    }
    if let Some(new) = new {
        shown.new = Some(session.answer_to(new, Verb::Mlst).await?);
    }
    Ok(Ok(shown))
}

impl RenameFacts {
    /// Whether both names are those of one file.
    fn is_one_file(&self) -> bool {
        let unique = |answer: &Option<Answer>| entry_in(answer.as_ref()?)?.unique;
        let old = unique(&self.old);
        old.is_some() && old == unique(&self.new)
    }

    /// Whether the server has refused both questions, as it does to a user who may not list.
    fn is_refused(&self) -> bool {
        [&self.old, &self.new].iter().all(|answer| answer.as_ref().is_some_and(|answer| !answer.is_done()))
    }
}

/// How a file replaces an old one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replacement {
    /// The name that the old file gets for an instant where it has to give way first.
    pub aside: PathName,
    /// The size of the new file in bytes, if that has verified it, alone or with a digest.
    pub size: Option<u64>,
    /// Whether something had the final name before the copy.
    pub before: FinalName,
    /// Whether the old file may have the other name.
    pub is_aside: bool,
}

/// Whether something had the final name of a file before the copy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FinalName {
    /// Nothing had it.
    Free,
    /// A file, so a positive reply to RNTO is no proof. The digest is that of the new file, if one has verified it.
    Taken(Option<Digest>),
}

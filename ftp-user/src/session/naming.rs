//! Final names: RNFR and RNTO, and what shows that a server has obeyed them.
//!
//! | the final name | what RNTO says | what is done |
//! |---|---|---|
//! | was free | 250 | the first one of a session is looked for |
//! | was taken, and the server tells `unique` or the digest | 250 | it is believed if the final name shows that of the new file |
//! | was taken, and the server tells neither | not sent yet | the old file is renamed aside first |
//! | is taken | a refusal, or 250 while the new file still has its other name | the old file is renamed aside, and RNTO is sent again |

use super::answer::Answer;
use super::connection::Session;
use super::replacement::{FinalName, Replacement};
use crate::failure::{self, Failure};
use ftp_proto::command::{Command, Verb};
use ftp_proto::digest::Digest;
use ftp_proto::listing::Kind;
use ftp_proto::manners::entry_in;
use ftp_proto::reply::Blame;
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
enum Looks {
    /// None of them.
    Nowhere,
    /// The new one, after the renaming.
    AtNewName,
    /// The old one before the renaming, and the new one after it.
    AtBothNames,
}

/// What MLST has said of the names of a renaming, if it was asked.
#[derive(Default)]
struct Shown {
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
}

impl Session {
    /// Gives a file its final name, replacing what has it. If the server has changed the name, the file is
    /// renamed back and the call fails. `replaced` knows afterwards where the old file is, also if the call fails or is
    /// dropped.
    ///
    /// # Errors
    ///
    /// The server refuses it, cannot rename at all ([`About::NoRename`](failure::About::NoRename)), has given the file
    /// another name, or does not show it under the new one.
    pub async fn rename(
        &mut self,
        from: &PathName,
        to: &PathName,
        replaced: &mut Replacement,
    ) -> Result<(), Failure> {
        let looked = match replaced.before.clone() {
            FinalName::Taken(digest) => {
                self.rename_over(from, to, digest, replaced).await?;
                None
            }
            FinalName::Free => self.rename_to_free(from, to, replaced).await?,
        };
        let named = self.check_stored_name(to).await;
        if named.is_err() && !self.is_over() {
            self.name(to, from).await?;
        }
        named?;
        self.check_first_name(to, looked).await
    }

    /// Gives a file a name that nothing had. Returns what the server has said of it, if it was asked.
    async fn rename_to_free(
        &mut self,
        from: &PathName,
        to: &PathName,
        replaced: &mut Replacement,
    ) -> Result<Option<Answer>, Failure> {
        // A server that takes commands ahead is asked for the first name together with the renaming.
        let looks = match self.manners.looks_for_names() && self.manners.capabilities.takes_ahead {
            true => Looks::AtNewName,
            false => Looks::Nowhere,
        };
        match self.name_and_look(from, to, looks).await? {
            Ok(shown) => Ok(shown.new),
            Err(refusal) => {
                self.after_refusal(from, to, replaced, refusal).await?;
                Ok(None)
            }
        }
    }

    /// Gives a file a name that another file had before the copy.
    async fn rename_over(
        &mut self,
        from: &PathName,
        to: &PathName,
        digest: Option<Digest>,
        replaced: &mut Replacement,
    ) -> Result<(), Failure> {
        if self.manners.capabilities.takes_ahead && self.manners.tells_unique() {
            let shown = match self.name_and_look(from, to, Looks::AtBothNames).await? {
                Ok(shown) => shown,
                Err(refusal) => return self.after_refusal(from, to, replaced, refusal).await,
            };
            if shown.is_one_file() || shown.is_refused() {
                self.manners.renames = true;
                return Ok(());
            }
            return self.look_again(from, to, digest, replaced).await;
        }
        let Some(mark) = self.mark(from, digest.clone()).await? else {
            if self.is_file(to).await? {
                return self.replace(from, to, replaced).await;
            }
            // It has gone meanwhile, or was renamed to be kept.
            self.name(from, to).await?;
            return self.check_named(from, to, replaced.size).await;
        };
        if let Err(refusal) = self.name_and_look(from, to, Looks::Nowhere).await? {
            return self.after_refusal(from, to, replaced, refusal).await;
        }
        if self.shows(to, &mark, replaced.size).await? {
            self.manners.renames = true;
            return Ok(());
        }
        let digest = digest.filter(|_| matches!(mark, Mark::Unique(_)));
        self.look_again(from, to, digest, replaced).await
    }

    /// After a positive reply to RNTO, the final name does not show the new file. Some servers give a file another identity with
    /// its name, so a digest that was not asked for yet may show it all the same.
    async fn look_again(
        &mut self,
        from: &PathName,
        to: &PathName,
        digest: Option<Digest>,
        replaced: &mut Replacement,
    ) -> Result<(), Failure> {
        if let Some(digest) = digest
            && self.shows(to, &Mark::Digest(digest), replaced.size).await?
        {
            self.manners.changes_unique = true;
            return Ok(());
        }
        // A server that tells no size may not know what has a name.
        let has_old_name = self.facts(from).await?.is_some_and(|facts| facts.size.is_some());
        if has_old_name && self.is_file(to).await? {
            return self.replace(from, to, replaced).await;
        }
        self.manners.changes_unique = true;
        Err(self.not_renamed(to))
    }

    /// What the final name has to show after the renaming: the identity of the new file, or else its digest. `None` if the
    /// server tells neither.
    async fn mark(&mut self, from: &PathName, digest: Option<Digest>) -> Result<Option<Mark>, Failure> {
        if self.manners.tells_unique() {
            match self.facts(from).await {
                Ok(facts) => {
                    if let Some(unique) = facts.and_then(|facts| facts.unique) {
                        return Ok(Some(Mark::Unique(unique)));
                    }
                }
                Err(failure) if self.is_unanswered(&failure) => return Err(failure),
                Err(_) => {}
            }
        }
        let is_told = |digest: &Digest| self.manners.capabilities.digest_command(digest.algorithm).is_some();
        Ok(digest.filter(is_told).map(Mark::Digest))
    }

    /// Whether the file with this name has the mark. A server that does not say so now shows nothing.
    async fn shows(&mut self, name: &PathName, mark: &Mark, size: Option<u64>) -> Result<bool, Failure> {
        let shown = match mark {
            Mark::Unique(unique) => self
                .facts(name)
                .await
                .map(|facts| facts.is_some_and(|facts| facts.unique.as_ref() == Some(unique))),
            Mark::Digest(digest) => {
                let told = self.hash(digest.algorithm, name, size.unwrap_or(0)).await;
                told.map(|told| told.is_ok_and(|told| told.hex.eq_ignore_ascii_case(&digest.hex)))
            }
        };
        match shown {
            Err(failure) if self.is_unanswered(&failure) => Err(failure),
            shown => Ok(shown.unwrap_or(false)),
        }
    }

    /// Whether a file has the name, or a link.
    async fn is_file(&mut self, name: &PathName) -> Result<bool, Failure> {
        match self.facts(name).await {
            Ok(facts) => Ok(facts.is_some_and(|facts| matches!(facts.kind, Kind::File | Kind::Link))),
            Err(failure) if self.is_unanswered(&failure) => Err(failure),
            Err(_) => Ok(false),
        }
    }

    /// Looks for the first file that this session has renamed. `looked` is what the server has said of it already.
    async fn check_first_name(&mut self, to: &PathName, looked: Option<Answer>) -> Result<(), Failure> {
        let is_absent = match looked {
            Some(answer) => !answer.is_done() && self.blame(&answer) == Blame::Missing,
            None => self.manners.looks_for_names() && self.facts(to).await?.is_none(),
        };
        if is_absent {
            return Err(self.not_named(to));
        }
        self.manners.renames = true;
        Ok(())
    }

    /// Some servers do not rename to a name that is taken, and say so in all kinds of words. If the new name is refused and
    /// something has it, the old file is renamed aside.
    async fn after_refusal(
        &mut self,
        from: &PathName,
        to: &PathName,
        replaced: &mut Replacement,
        refusal: Refusal,
    ) -> Result<(), Failure> {
        let may_be_taken = refusal.is_of_new_name && !self.is_over();
        if !may_be_taken || !self.is_file(to).await.unwrap_or(false) {
            return Err(refusal.failure);
        }
        match self.set_aside(to, replaced).await? {
            Ok(()) => self.replace_aside(from, to, replaced).await,
            // The first reply says why.
            Err(_) => Err(refusal.failure),
        }
    }

    /// Renames the old file aside, then gives the new one its name.
    async fn replace(
        &mut self,
        from: &PathName,
        to: &PathName,
        replaced: &mut Replacement,
    ) -> Result<(), Failure> {
        self.set_aside(to, replaced).await??;
        self.replace_aside(from, to, replaced).await
    }

    /// Renames the old file aside. If the answer is missing, it may have either name.
    async fn set_aside(
        &mut self,
        to: &PathName,
        replaced: &mut Replacement,
    ) -> Result<Result<(), Failure>, Failure> {
        replaced.is_aside = true;
        let named = self.name_and_look(to, &replaced.aside, Looks::Nowhere).await?;
        replaced.is_aside = named.is_ok() || self.is_over();
        Ok(named.map(drop).map_err(|refusal| refusal.failure))
    }

    /// Gives the new file its name while the old one is aside. The old file is put back if the new one does not get the name, and
    /// deleted only after that was seen.
    async fn replace_aside(
        &mut self,
        from: &PathName,
        to: &PathName,
        replaced: &mut Replacement,
    ) -> Result<(), Failure> {
        let named = match self.name_and_look(from, to, Looks::Nowhere).await? {
            Ok(_) => match self.check_named(from, to, replaced.size).await {
                Err(failure) if self.is_unanswered(&failure) => return Err(failure),
                named => named,
            },
            Err(refusal) if self.is_over() => return Err(refusal.failure),
            Err(refusal) => Err(refusal.failure),
        };
        replaced.is_aside = match named {
            // If it cannot be deleted now, it is deleted later.
            Ok(()) => self.delete_own(&replaced.aside).await.is_err(),
            Err(_) => self.put_back(&replaced.aside, to).await.unwrap_or(true),
        };
        named
    }

    /// Whether it is not known what the server has done.
    fn is_unanswered(&self, failure: &Failure) -> bool {
        self.is_over() || matches!(failure.kind, failure::Kind::Temporary | failure::Kind::Interrupted)
    }

    /// Looks at both names after a rename. The word of the server is not enough where an old file is deleted next. If the new
    /// file has not the size that it had, it gets its other name back.
    async fn check_named(
        &mut self,
        from: &PathName,
        to: &PathName,
        size: Option<u64>,
    ) -> Result<(), Failure> {
        let there = self.facts(to).await?.filter(|facts| facts.kind == Kind::File);
        // A server that renames nothing may still have the old file there. One that tells no size may not know.
        let is_renamed = self.facts(from).await?.is_none_or(|facts| facts.size.is_none());
        let Some(there) = there.filter(|_| is_renamed) else { return Err(self.not_named(to)) };
        if let (Some(size), Some(stored)) = (size, there.size)
            && size != stored
        {
            self.name(to, from).await?;
            let what = format!("{} had {stored} bytes after it was renamed, and {size} before", to.display());
            return Err(Failure::new(failure::Kind::Unverified, what));
        }
        self.manners.renames = true;
        Ok(())
    }

    /// The failure if a server says that it has renamed a file and does not show it under its new name.
    fn not_named(&self, to: &PathName) -> Failure {
        let what = format!("{} is not there", to.display());
        Failure::new(failure::Kind::Unverified, what)
            .said(format!("{} has said that it renamed the finished copy, and does not show it", self.title))
            .hint("look at the directory: the copy may have another name")
    }

    /// The failure if a server says that it has renamed a file, and another one has the new name.
    fn not_renamed(&self, to: &PathName) -> Failure {
        let what = format!("{} is another file than the finished copy", to.display());
        Failure::new(failure::Kind::Unverified, what)
            .said(format!("{} has said that it renamed the finished copy to that name", self.title))
            .hint("look at the directory, and copy the file again")
    }

    /// Gives an old file its name back that [`rename`](Self::rename) has renamed aside, unless a new file has the name.
    /// Returns whether it still has the other one.
    ///
    /// # Errors
    ///
    /// The server refuses the rename, or cannot be asked.
    pub async fn put_back(&mut self, aside: &PathName, target: &PathName) -> Result<bool, Failure> {
        if self.facts(aside).await?.is_none() {
            return Ok(false);
        }
        if self.facts(target).await?.is_some() {
            return Ok(true);
        }
        self.name(aside, target).await?;
        // It is the only one of its content.
        if self.facts(target).await?.is_none() { Err(self.not_named(target)) } else { Ok(false) }
    }

    async fn name(&mut self, from: &PathName, to: &PathName) -> Result<(), Failure> {
        self.name_and_look(from, to, Looks::Nowhere).await?.map(drop).map_err(|refusal| refusal.failure)
    }

    /// Renames, and returns what MLST says of the names at which it `looks`; then the server must take commands ahead. The inner
    /// error is a reply that refuses one of both names; the outer one says that no final reply came.
    async fn name_and_look(
        &mut self,
        from: &PathName,
        to: &PathName,
        looks: Looks,
    ) -> Result<Result<Shown, Refusal>, Failure> {
        let what = format!("cannot rename the finished copy to {}", to.display());
        let (first, second) = (Command::Rnfr(from.clone()), Command::Rnto(to.clone()));
        let mlst = |name: &PathName| Command::Mlst(Some(name.clone()));
        let old = matches!(looks, Looks::AtBothNames).then(|| self.send(mlst(from), None));
        let first = self.send(first, None);
        // A server that takes commands ahead refuses the second one if it has refused the first.
        let mut ahead = self.manners.capabilities.takes_ahead.then(|| self.send(second.clone(), None));
        let new = (!matches!(looks, Looks::Nowhere)).then(|| self.send(mlst(to), None));
        let mut shown = Shown::default();
        if let Some(old) = old {
            shown.old = Some(self.answer_to(old, Verb::Mlst).await?);
        }
        for (is_first, verb) in [(true, Verb::Rnfr), (false, Verb::Rnto)] {
            let id = if is_first {
                first
            } else {
                ahead.take().unwrap_or_else(|| self.send(second.clone(), None))
            };
            let answer = self.answer_to(id, verb).await?;
            if !answer.is_done() {
                self.unawaited = ahead.or(self.unawaited);
            }
            if answer.is_done() {
                continue;
            }
            let failure = self.refusal(what, &answer);
            if let Some(new) = new {
                self.answer_to(new, Verb::Mlst).await?;
            }
            let failure = match self.blame(&answer) {
                Blame::Unsupported if is_first => {
                    self.manners.cannot_rename = true;
                    failure.as_kind(failure::Kind::NoPath).about(failure::About::NoRename)
                }
                // Nothing unverified may stand under the final name, and there is no other way to it.
                Blame::Unsupported => failure.as_kind(failure::Kind::NoPath),
                Blame::Missing => failure.as_kind(failure::Kind::Refused),
                Blame::File | Blame::Space | Blame::Login | Blame::Path | Blame::Busy | Blame::Peer => {
                    failure
                }
            };
            return Ok(Err(Refusal { failure, is_of_new_name: !is_first }));
        }
        if let Some(new) = new {
            shown.new = Some(self.answer_to(new, Verb::Mlst).await?);
        }
        Ok(Ok(shown))
    }
}

impl Shown {
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

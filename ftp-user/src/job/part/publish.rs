//! Old files that were renamed aside, at servers that rename to no name that is taken. What becomes of them is decided here,
//! for an attempt that goes on, for a run that ends, and for `resume` and `cancel`.
//!
//! | the final name has | the old file |
//! |---|---|
//! | nothing | gets its name back |
//! | something that is not verified | stays where it is, and another run of the job finds it |
//! | the new file, and it is verified | is deleted |

use super::{Part, in_time};
use crate::context::Context;
use crate::endpoint::Host;
use crate::endpoint::files::{self, FinalName, Replacement};
use crate::failure::{Failure, Kind, Result};
use crate::job::check::{Decision, Overwrite};
use crate::job::removal::ReachedName;
use crate::report::{Change, Event};
use crate::route::StoreReply;
use crate::session::Facts;
use ftp_io::quoting::for_shell;
use ftp_proto::listing;
use ftp_proto::wire::PathName;

/// The old files of one name. The default is that there is none, or that it has its name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::job) struct OldFiles {
    /// The names that an old file may have, which were not looked for yet.
    sought: Vec<PathName>,
    /// Those that were found, while something has the final name.
    found: Vec<PathName>,
}

impl OldFiles {
    /// The old file may have been renamed aside for this part.
    pub(in crate::job) fn may_be_aside_for(&mut self, part: &Part) -> Result<()> {
        if part.stored != part.target {
            self.seek(part.aside()?);
        }
        Ok(())
    }

    /// Renames a part to its final name, unless it has that already. `before` is what had that name before the copy, and `size`
    /// the size of the part in bytes, if that has verified it.
    ///
    /// # Errors
    ///
    /// It has not got the name, or nobody knows.
    pub(in crate::job) async fn publish(
        &mut self,
        context: &Context,
        host: &mut Host,
        part: &Part,
        before: FinalName,
        size: Option<u64>,
    ) -> Result<()> {
        let Part { stored, target } = part;
        if stored == target {
            return files::check_stored_name(context, host, target).await;
        }
        let mut replaced = Replacement { aside: part.aside()?, size, before, is_aside: false };
        let renamed = files::rename(context, host, (stored, target), &mut replaced).await;
        if replaced.is_aside {
            self.seek(replaced.aside);
        }
        renamed
    }

    fn seek(&mut self, name: PathName) {
        self.found.retain(|found| *found != name);
        if !self.sought.contains(&name) {
            self.sought.push(name);
        }
    }

    /// Whether no old file has another name.
    pub(in crate::job) const fn are_settled(&self) -> bool {
        self.sought.is_empty() && self.found.is_empty()
    }

    /// Whether an old file waits until what has its name is verified.
    pub(in crate::job) const fn wait(&self) -> bool {
        !self.found.is_empty()
    }

    /// Looks what has the final name now. If that is nothing, the old file gets it back.
    ///
    /// # Errors
    ///
    /// The host cannot be asked, or refuses the renaming. The old file is looked for again.
    pub(in crate::job) async fn look(
        &mut self,
        context: &Context,
        host: &mut Host,
        target: &PathName,
    ) -> Result<()> {
        while let Some(name) = self.sought.last() {
            let is_aside = files::put_back(context, host, name, target).await?;
            let name = self.sought.pop();
            self.found.extend(name.filter(|_| is_aside));
        }
        Ok(())
    }

    /// The same before a run ends that has not copied the file. Ctrl-C does not interrupt it, but it ends after a short time.
    /// What is not in order then is told, and another run of the job finds it. If the source is gone, no later run may be able to
    /// verify what has the name. Returns whether all is in order.
    pub(in crate::job) async fn settle(
        &mut self,
        context: &Context,
        host: &mut Host,
        target: &PathName,
        is_source_gone: bool,
    ) -> bool {
        if !self.sought.is_empty() {
            let (cleanup, end) = context.for_cleanup();
            if let Err(why) = in_time(context, end, self.look(&cleanup, host, target)).await {
                self.tell_sought(context, host, target, &why);
            }
        }
        let is_verified_later = context.run.job_journal.keeps_item() && !is_source_gone;
        for old in &self.found {
            if is_verified_later {
                let (old, name) = (for_shell(host.show(old)), host.show(target));
                context.run.events.warn(format!(
                    "{old} is the file that {name} was before: it is deleted when this job is resumed and {name} is verified"
                ));
            } else {
                tell_kept(context, host, target, old);
            }
        }
        self.are_settled()
    }

    fn tell_sought(&self, context: &Context, host: &Host, target: &PathName, why: &Failure) {
        let name = host.show(target);
        for old in &self.sought {
            let old = host.show(old);
            let what = format!("the file that {name} was before may be {old} now ({why})");
            context.run.events.warn(match context.run.job_journal.keeps_item() {
                true => format!("{what}: it is put in order when this job is resumed or cancelled"),
                false => format!("{what}: rename it back if nothing is called {name}"),
            });
        }
    }

    /// The file is done. If what has its name `is_verified`, deletes the old ones.
    pub(in crate::job) async fn end(
        &mut self,
        context: &Context,
        host: &mut Host,
        target: &PathName,
        is_verified: bool,
    ) {
        if !is_verified {
            return self.leave(context, host, target);
        }
        for stored in self.sought.drain(..).chain(self.found.drain(..)) {
            Part { stored, target: target.clone() }.discard(context, host, StoreReply::Received).await;
        }
    }

    /// Leaves the old files where they are, and tells it: what has their name is something else than the new file.
    pub(in crate::job) fn leave(&mut self, context: &Context, host: &Host, target: &PathName) {
        for old in self.sought.drain(..).chain(self.found.drain(..)) {
            tell_kept(context, host, target, &old);
        }
    }
}

/// Tells that an old file stays under its other name.
fn tell_kept(context: &Context, host: &Host, target: &PathName, old: &PathName) {
    let (old, name) = (for_shell(host.show(old)), host.show(target));
    context.run.events.warn(format!(
        "the file that {name} was before is kept as {old}, because something has that name: delete it if {name} is right"
    ));
}

/// What somebody has stored under the final name of `part` since the copy of `source` began, if it is so new that `rule` lets
/// nothing replace it.
///
/// # Errors
///
/// Nothing may be replaced, and somebody has stored something there; or the destination does not say.
pub(in crate::job) async fn overtaken(
    context: &Context,
    host: &mut Host,
    part: &Part,
    rule: Overwrite,
    source: &Facts,
) -> Result<Option<Facts>> {
    match rule {
        Overwrite::Always | Overwrite::Different => Ok(None),
        Overwrite::Never => part.replaces_nothing(context, host).await.map(|()| None),
        Overwrite::Newer => {
            let target = part.now_there(context, host).await?;
            let is_kept = rule.decide(source, target.as_ref()) == Decision::Skip;
            Ok(target.filter(|_| is_kept))
        }
    }
}

/// Gives the old file at `target` the name under which it is kept, and tells that. `size` is its size in bytes. Returns whether
/// it was there.
///
/// # Errors
///
/// It has its old name, and may not be replaced.
pub(in crate::job) async fn keep_old(
    context: &Context,
    host: &mut Host,
    target: &PathName,
    kept_as: &PathName,
    size: Option<u64>,
) -> Result<bool> {
    let old = host.show(target);
    let stays = |failure: Failure| {
        failure.during_unless_interrupted(format!("{old} is not replaced, because it cannot be kept"))
    };
    // What is not there any more need not be kept.
    let Some(reached) = ReachedName::at(host, target).map_err(stays)? else { return Ok(false) };
    let kept = keep(context, host, &reached, kept_as).await.map_err(stays)?;
    let dest = Some(host.show(&kept));
    let (verb, kind, dry_run) = ("backup", listing::Kind::File, false);
    context.run.events.say(Event::Changed(Change { verb, place: old, dest, kind, size, dry_run }));
    Ok(true)
}

/// Renames the `old` file to `kept_as`, or to the next number of it that is free, so that nothing is replaced. The directories
/// above it are made. Returns the name that it has now.
///
/// # Errors
///
/// It has its old name.
pub(in crate::job) async fn keep(
    context: &Context,
    host: &mut Host,
    old: &ReachedName,
    kept_as: &PathName,
) -> Result<PathName> {
    for number in 0..MOST {
        let name = numbered(kept_as, number)?;
        match old.rename_free(context, host, &name).await {
            Err(failure) if failure.kind == Kind::Exists => {}
            renamed => return renamed.map(|()| name),
        }
    }
    let what = format!("{} and {MOST} numbers of it are taken", kept_as.display());
    Err(Failure::new(Kind::Exists, what).hint("choose another --backup-dir, such as one with the date"))
}

/// The name with a number at its end; the first one is the name itself.
fn numbered(name: &PathName, number: usize) -> Result<PathName> {
    if number == 0 {
        return Ok(name.clone());
    }
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend_from_slice(format!(".~{number}~").as_bytes());
    PathName::from_wire(bytes).map_err(|bad| Failure::usage(bad.to_string()))
}

/// How many old files of one name are kept.
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Cancel;
    use crate::endpoint::LocalEnd;
    use crate::place::tests::path;
    use crate::world::local_path;
    use ftp_proto::calendar::When;
    use std::fs;

    #[tokio::test]
    async fn old_files_of_one_name_are_all_kept() {
        let home = tempfile::tempdir().unwrap();
        let at = |path: &str| home.path().join(path);
        let name = |file: &str| path(at(file));
        let context = Context::for_tests(Cancel::never());
        let mut host = Host::Local(LocalEnd::Typed);
        for (number, expect) in ["old/d/f", "old/d/f.~1~", "old/d/f.~2~"].into_iter().enumerate() {
            fs::write(at("f"), number.to_string()).unwrap();
            let to = name("old/d/f");
            let old = ReachedName::at(&host, &name("f")).unwrap().unwrap();
            let kept = keep(&context, &mut host, &old, &to).await.unwrap();
            assert_eq!(kept, name(expect));
            assert_eq!(fs::read_to_string(at(expect)).unwrap(), number.to_string());
            assert!(!at("f").exists());
        }
    }

    #[test]
    fn a_name_is_looked_for_once_also_if_it_was_found_before() {
        let [a, b] = ["a", "b"].map(path);
        let mut old = OldFiles { sought: vec![b.clone()], found: vec![a.clone(), b.clone()] };
        [&a, &b, &a].into_iter().for_each(|name| old.seek(name.clone()));
        assert_eq!(old, OldFiles { sought: vec![b.clone(), a], found: vec![] });
        assert!(!old.are_settled() && !old.wait());
    }

    #[tokio::test]
    async fn an_old_file_goes_when_the_new_one_is_verified_and_stays_if_it_is_not() {
        for is_verified in [false, true] {
            let home = tempfile::tempdir().unwrap();
            let name = |file: &str| path(home.path().join(file));
            let context = Context::for_tests(Cancel::never());
            let mut host = Host::Local(LocalEnd::Typed);
            let part = Part::random(&name("f")).unwrap();
            fs::write(local_path(&part.stored), "new").unwrap();
            fs::write(home.path().join("old"), "old").unwrap();
            let mut old = OldFiles { sought: Vec::new(), found: vec![name("old")] };
            let before = FinalName::Free;
            old.publish(&context, &mut host, &part, before, Some(3)).await.unwrap();
            // A host that replaces files renames none of them aside.
            assert_eq!(
                (fs::read_to_string(home.path().join("f")).unwrap(), old.sought.len()),
                ("new".into(), 0)
            );
            old.end(&context, &mut host, &name("f"), is_verified).await;
            assert_eq!((home.path().join("old").exists(), old.are_settled()), (!is_verified, true));
        }
    }

    #[tokio::test]
    async fn what_somebody_has_stored_meanwhile_is_kept_only_if_it_is_newer() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("f");
        let target = path(&file);
        let (context, mut host) = (Context::for_tests(Cancel::never()), Host::Local(LocalEnd::Typed));
        let part = Part::random(&target).unwrap();
        let source =
            Facts { modified: Some(When(1_000)), size: Some(3), ..Facts::of_kind(listing::Kind::File) };
        let mut kept = async |rule| {
            overtaken(&context, &mut host, &part, rule, &source).await.map(|kept| kept.is_some())
        };
        assert_eq!(kept(Overwrite::Newer).await, Ok(false));
        for (modified, expect) in [(999, false), (1_001, true)] {
            let created = fs::File::create(&file).unwrap();
            created.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(modified)).unwrap();
            assert_eq!(kept(Overwrite::Newer).await, Ok(expect), "{modified}");
        }
        assert_eq!((kept(Overwrite::Always).await, kept(Overwrite::Never).await.is_err()), (Ok(false), true));
    }
}

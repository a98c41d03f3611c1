//! Old files that were renamed aside, at servers that rename to no name that is taken. What becomes of them is decided here,
//! for an attempt that goes on, for a run that ends, and for `resume` and `cancel`.
//!
//! | the final name has | the old file |
//! |---|---|
//! | nothing | gets its name back |
//! | something that is not verified | stays where it is, and another run of the job finds it |
//! | the new file, and it is verified | is deleted |

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Kind};
use crate::job::remains::part::Part;
use crate::session::{FinalName, Replacement};
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
    pub(in crate::job) fn may_be_aside_for(&mut self, part: &Part) -> Result<(), Failure> {
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
    ) -> Result<(), Failure> {
        let Part { stored, target } = part;
        if stored == target {
            return host.check_stored_name(context, target).await;
        }
        let mut replaced = Replacement { aside: part.aside()?, size, before, is_aside: false };
        let renamed = host.rename(context, (stored, target), &mut replaced).await;
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
    ) -> Result<(), Failure> {
        while let Some(name) = self.sought.last() {
            let is_aside = host.put_back(context, name, target).await?;
            let name = self.sought.pop();
            self.found.extend(name.filter(|_| is_aside));
        }
        Ok(())
    }

    /// The same before a run ends that has not copied the file. Ctrl-C does not interrupt it, but it ends after a short time.
    /// What is not in order then is told: another run of the job finds it. Returns whether all is in order.
    pub(in crate::job) async fn settle(
        &mut self,
        context: &Context,
        host: &mut Host,
        target: &PathName,
    ) -> bool {
        if !self.sought.is_empty() {
            let (cleanup, end) = context.for_cleanup();
            let looked = tokio::select! {
                looked = self.look(&cleanup, host, target) => looked,
                () = context.world.clock.sleep_until(Some(end)) => {
                    Err(Failure::new(Kind::Temporary, "the server did not answer in time"))
                }
            };
            if let Err(why) = looked {
                self.tell_sought(context, host, target, &why);
            }
        }
        let name = host.show(target);
        for old in &self.found {
            let old = host.show(old);
            context.run.events.warn(match context.run.job_journal.keeps_item() {
                true => format!(
                    "{old} is the file that {name} was before: ftp-user resume deletes it when {name} is verified"
                ),
                false => format!("{old} is the file that {name} was before: delete it if {name} is right"),
            });
        }
        self.are_settled()
    }

    fn tell_sought(&self, context: &Context, host: &Host, target: &PathName, why: &Failure) {
        let name = host.show(target);
        for old in &self.sought {
            let old = host.show(old);
            let what = format!("the file that {name} was before may be {old} now ({why})");
            context.run.events.warn(match context.run.job_journal.keeps_item() {
                true => format!("{what}: ftp-user resume or ftp-user cancel puts it in order"),
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
            Part { stored, target: target.clone() }.discard(context, host).await;
        }
    }

    /// Leaves the old files where they are, and tells it: what has their name is something else than the new file.
    pub(in crate::job) fn leave(&mut self, context: &Context, host: &Host, target: &PathName) {
        let name = host.show(target);
        for old in self.sought.drain(..).chain(self.found.drain(..)) {
            let old = host.show(&old);
            context.run.events.warn(format!(
                "the file that {name} was before is kept as {old}, because something has that name: delete it if it is not needed"
            ));
        }
    }
}

//! The run of a sync: both trees are listed, then files are renamed and copied, then what only the destination has is deleted.

use super::deletion::Deletion;
use super::listed::{Listed, Side, cannot_keep, listed};
use super::named::Named;
use super::plan::{Plan, Task, What, plan};
use super::rename::Renames;
use super::twins::Twins;
use crate::check::{Allowance, ComparedTrees, Permit, Refusal};
use crate::context::Context;
use crate::control::{Facts, Role};
use crate::endpoint::{self, Host, Pools, local_path};
use crate::failure::{Failure, Kind};
use crate::job::claims::given::GivenNames;
use crate::job::claims::kept::{self, Claimed};
use crate::job::file::times::Attributes;
use crate::job::item::{Done, Item, Target};
use crate::job::remains::backup::Backup;
use crate::job::request::filter::Filter;
use crate::job::request::job::{is_one_host, refuse_nested};
use crate::job::request::options::{Mode, Options};
use crate::job::request::sync::SyncRules;
use crate::job::retrying::outage::{asked, facts};
use crate::job::summary::tally::Tally;
use crate::job::tree::{Found, Giver, Rules, Tree, Visit, queue, walk};
use crate::place::{self, Location, is_at_or_below};
use crate::report::{Change, Event, Topic};
use crate::route::{Ends, first_rung};
use ftp_proto::listing;
use ftp_proto::wire::PathName;
use std::collections::HashSet;
use std::os::unix::ffi::OsStringExt;

/// Makes the directory `destination` like `source`. Failures go to `tally`.
pub(in crate::job) async fn sync(
    context: &Context,
    pools: &Pools,
    (source, destination, rules): (&Location, &Location, SyncRules),
    (options, filter): (Options, Filter),
    tally: &mut Tally,
) {
    let from = Host::at(source, Role::Source, pools);
    let ends = Ends::new(from, Host::at(destination, Role::Destination, pools));
    let backup = rules.backup.clone().map(Backup::below);
    let mut run = Run { context, ends, source, destination, rules, options, filter, backup, tally };
    if let Err(failure) = Box::pin(run.run()).await {
        run.tally.failed(source.to_string(), destination.to_string(), failure);
    }
    run.ends.quit(context).await;
}

/// A sync under way.
struct Run<'a> {
    context: &'a Context,
    ends: Ends,
    source: &'a Location,
    destination: &'a Location,
    rules: SyncRules,
    options: Options,
    filter: Filter,
    backup: Option<Backup>,
    tally: &'a mut Tally,
}

/// What both directories are.
struct Roots {
    source: Facts,
    /// `None` if the destination is not there.
    destination: Option<Facts>,
}

impl Run<'_> {
    async fn run(&mut self) -> Result<(), Failure> {
        let claim = self.claim().await?;
        let synced = Box::pin(self.claimed()).await;
        if let Some((item, claimed)) = claim {
            kept::give_up(self.context, &item, &claimed);
        }
        synced
    }

    /// Claims the destination, so that no other sync of this host changes it.
    async fn claim(&mut self) -> Result<Option<(Item, Claimed)>, Failure> {
        if self.options.mode.is_dry() {
            return Ok(None);
        }
        let login = self.login(false).await?;
        let root = absolute(login.as_ref(), &self.destination.path);
        let name = PathName::from_user(CLAIM).map_err(|bad| Failure::usage(bad.to_string()))?;
        let (source, known, target) = (self.source.path.clone(), None, Target::Unknown);
        let destination = place::join(Some(&root), &name);
        let item = Item { number: 0, source, destination, known, target, kept_as: None };
        match kept::claim(self.context, &self.ends, &item).await {
            Ok(claimed) => Ok(Some((item, claimed))),
            Err(failure) if failure.kind == Kind::Exists => {
                let what = format!("another sync of {} runs", self.destination);
                Err(Failure::new(Kind::Exists, what).hint("wait for its end: ftp-user jobs shows it"))
            }
            Err(failure) => Err(failure),
        }
    }

    /// The login directory of an end, if it is a server that tells it.
    async fn login(&mut self, of_source: bool) -> Result<Option<PathName>, Failure> {
        let Ends { source, destination, .. } = &mut self.ends;
        let host = if of_source { source } else { destination };
        asked(self.context, host, async |host| endpoint::login_directory(self.context, host).await).await
    }

    async fn claimed(&mut self) -> Result<(), Failure> {
        let roots = self.look().await?;
        let (source, destination) = self.list(&roots).await?;
        let is_complete = source.is_complete() && destination.is_complete();
        self.tell(&source, &destination);
        let (names, compare) = ((source.names, destination.names), self.rules.compare);
        let planned = tokio::task::spawn_blocking(move || plan(names.0, names.1, compare)).await;
        let planned = planned.map_err(|error| Failure::new(Kind::Other, error.to_string()))?;
        let mut plan = planned.map_err(|error| cannot_keep(&error))?;
        self.tell_blocked(&plan);
        self.tally.same(plan.counts.same);
        // What would be refused at the end is refused before anything is changed.
        let permit = match self.permit(&plan, 0, is_complete, None) {
            Some(Err(Refusal::Empty(failure))) => return Err(failure),
            Some(Ok(permit)) => Some(permit),
            Some(Err(Refusal::Failed(_) | Refusal::TooMany(_))) | None => None,
        };
        let mut twins = Twins::default();
        if permit.is_some() {
            twins = Twins::of(&mut plan.surplus).map_err(|error| cannot_keep(&error))?;
        }
        let renamed = Box::pin(self.copy((&mut plan, &mut twins), &roots, permit.as_ref())).await?;
        if self.context.cancel.is_cancelled() {
            return Ok(());
        }
        let most = self.rules.deletion.and_then(|deletion| deletion.most);
        match self.permit(&plan, renamed.len() as u64, is_complete, most) {
            Some(Ok(permit)) => self.delete(plan, (renamed, twins), permit).await,
            Some(Err(Refusal::Failed(why))) => {
                self.context.events.warn(why);
                Ok(())
            }
            Some(Err(Refusal::Empty(failure) | Refusal::TooMany(failure))) => Err(failure),
            None => Ok(()),
        }
    }

    /// Looks at both directories.
    async fn look(&mut self) -> Result<Roots, Failure> {
        let (context, from, to) = (self.context, &self.source.path, &self.destination.path);
        let Ends { source, destination, .. } = &mut self.ends;
        let (source, destination) =
            tokio::try_join!(facts(context, source, from), facts(context, destination, to))?;
        let Some(source) = source else {
            return Err(Failure::new(Kind::Missing, format!("{} does not exist", self.source))
                .hint("check the path; nothing was changed"));
        };
        if source.kind != listing::Kind::Directory {
            return Err(Failure::usage(format!("{} is not a directory", self.source))
                .hint("copy copies files; sync makes two directories equal"));
        }
        if destination.as_ref().is_some_and(|found| found.kind != listing::Kind::Directory) {
            return Err(Failure::new(Kind::Exists, format!("{} is not a directory", self.destination))
                .hint("choose a directory"));
        }
        if is_one_host(self.source, self.destination) {
            let login = self.login(true).await?;
            let (from, to) = (absolute(login.as_ref(), from), absolute(login.as_ref(), to));
            refuse_nested((self.source, &from), (self.destination, &to))?;
        }
        self.refuse_backup().await?;
        Ok(Roots { source, destination })
    }

    /// Refuses a directory for old files that would be changed by this sync.
    async fn refuse_backup(&mut self) -> Result<(), Failure> {
        let Some(directory) = self.rules.backup.clone() else { return Ok(()) };
        let login = self.login(false).await?;
        let whole = |path: &PathName| {
            let path = absolute(login.as_ref(), path);
            PathName::from_wire(kept::path_at(&self.ends.destination, &path)).unwrap_or(path)
        };
        let (old, to, from) = (whole(&directory), whole(&self.destination.path), whole(&self.source.path));
        let name = self.ends.destination.show(&directory);
        let is_of_source = is_one_host(self.source, self.destination) && is_at_or_below(&old, &from);
        if is_at_or_below(&to, &old) || is_of_source {
            let what = format!("--backup-dir {name} contains the destination, or is in the source");
            return Err(Failure::usage(what).hint("name a directory of its own"));
        }
        let Some(below) = below(&to, &old) else { return Ok(()) };
        let mut directories = std::iter::successors(Some(below.clone()), place::parent);
        if directories.any(|directory| !self.filter.enters(&directory)) {
            return Ok(());
        }
        Err(Failure::usage(format!("--backup-dir {name} is in the destination"))
            .hint(format!("add --exclude /{}/, or name a directory outside of it", below.display())))
    }

    /// Lists both directories: at the same time, unless one server shows both.
    async fn list(&mut self, roots: &Roots) -> Result<(Listed, Listed), Failure> {
        let identity = |facts: Option<&Facts>| facts.and_then(|facts| facts.unique.clone());
        let (own, other) = (identity(Some(&roots.source)), identity(roots.destination.as_ref()));
        let rules = Rules {
            filter: self.filter.clone(),
            links: self.options.links,
            everything: false,
            compares: true,
            stranger: other.clone(),
        };
        let there = Rules { everything: true, stranger: own.clone(), ..rules.clone() };
        // A server may permit one session.
        let mut released = self.ends.beside();
        std::mem::swap(&mut self.ends, &mut released);
        let (from, to) = (released.source.beside(), released.destination.beside());
        released.source.release();
        released.destination.release();
        let context = self.context;
        let root = self.source.path.clone();
        let source = async {
            let visits = walk(context.clone(), from, (root, own), rules);
            listed(context, visits, Side::Source).await
        };
        let root = self.destination.path.clone();
        let is_there = roots.destination.is_some();
        let destination = async {
            if !is_there {
                return Listed::nothing();
            }
            let visits = walk(context.clone(), to, (root, other), there);
            listed(context, visits, Side::Destination).await
        };
        if is_one_host(self.source, self.destination) {
            return Ok((source.await?, destination.await?));
        }
        tokio::try_join!(source, destination)
    }

    /// Tells what was skipped and what could not be looked at.
    fn tell(&mut self, source: &Listed, destination: &Listed) {
        for (path, why) in &source.skipped {
            let name = self.ends.source.show(&place::join(Some(&self.source.path), path));
            let (site, message) = (self.ends.source.name(), format!("{name} is skipped: {why}"));
            let why = Some(why.clone());
            self.context.events.say(Event::Repeated { topic: Topic::Skipped, site, why, message });
        }
        let below = |root: &PathName, path: &Option<PathName>| {
            path.as_ref().map_or_else(|| root.clone(), |path| place::join(Some(root), path))
        };
        for (path, failure) in &source.failed {
            let name = self.ends.source.show(&below(&self.source.path, path));
            let dest = self.destination.to_string();
            self.tally.failed(name.clone(), dest, failure.clone().during(&name));
        }
        for (path, failure) in &destination.failed {
            let name = self.ends.destination.show(&below(&self.destination.path, path));
            self.tally.failed(self.source.to_string(), name.clone(), failure.clone().during(&name));
        }
        let others = source.others + destination.others;
        if others > 0 {
            let failure = Failure::new(Kind::Other, format!("{others} more names could not be looked at"));
            self.tally.failed(self.source.to_string(), self.destination.to_string(), failure);
        }
    }

    /// Tells what cannot be copied, because the destination has something else of that name.
    fn tell_blocked(&mut self, plan: &Plan) {
        for Named { path, facts } in &plan.blocked {
            let (ours, theirs) = match facts.kind == listing::Kind::Directory {
                true => ("a directory", "none"),
                false => ("a file", "something else"),
            };
            let source = self.ends.source.show(&place::join(Some(&self.source.path), path));
            let dest = self.ends.destination.show(&place::join(Some(&self.destination.path), path));
            let failure = Failure::new(Kind::Exists, format!("{source} is {ours}, and {dest} is {theirs}"))
                .hint("move it away or delete it (ftp-user rm), and sync again");
            self.tally.failed(source, dest, failure);
        }
        let others = plan.counts.blocked.saturating_sub(plan.blocked.len() as u64);
        if others > 0 {
            let what = format!("{others} more names are taken at the destination by something else");
            let (source, dest) = (self.source.to_string(), self.destination.to_string());
            self.tally.failed(source, dest, Failure::new(Kind::Exists, what));
        }
    }

    /// The permission to delete what only the destination has, or why it stays; `None` if nobody wants it to go. `gone` of
    /// these names are not there any more.
    fn permit(
        &self,
        plan: &Plan,
        gone: u64,
        is_complete: bool,
        most: Option<u64>,
    ) -> Option<Result<Permit, Refusal>> {
        let empty_is_meant = self.rules.deletion?.empty_is_meant;
        let compared = ComparedTrees {
            is_complete,
            files: plan.counts.files(),
            surplus: plan.counts.surplus.saturating_sub(gone),
            failed: self.tally.failed_count(),
        };
        Some(Permit::of(compared, Allowance { most, empty_is_meant }))
    }

    /// Renames and copies. Returns what has another name now.
    async fn copy(
        &mut self,
        (plan, twins): (&mut Plan, &mut Twins),
        roots: &Roots,
        permit: Option<&Permit>,
    ) -> Result<HashSet<PathName>, Failure> {
        let context = self.context;
        let (giver, visits) = queue();
        let (given, renamed) = self.give((plan, twins), permit, giver).await?;
        let Given { files, directories, bytes, unsized_files } = given;
        if files + directories == 0 && roots.destination.is_some() {
            return Ok(renamed);
        }
        context.events.say(Event::Found(context.finding.in_tree(files, bytes, unsized_files)));
        let tree = Tree {
            source: self.source.path.clone(),
            unique: None,
            attributes: Attributes { modified: roots.source.modified, mode: roots.source.mode },
            destination: self.destination.path.clone(),
            options: self.options,
            rules: Rules { filter: self.filter.clone(), links: self.options.links, ..Rules::default() },
            leaving: None,
            backup: self.backup.clone(),
        };
        let mut places = GivenNames::default();
        let notes = (&mut places, &mut *self.tally);
        Box::pin(tree.copy(context, &mut self.ends, Found::Before(visits), notes)).await;
        Ok(renamed)
    }

    /// Renames what can be, and gives the rest to the copying. Returns how much that is, and what has another name now.
    async fn give(
        &mut self,
        (plan, twins): (&mut Plan, &mut Twins),
        permit: Option<&Permit>,
        giver: Giver,
    ) -> Result<(Given, HashSet<PathName>), Failure> {
        let context = self.context;
        let (dry, times) = (self.options.mode.is_dry(), self.options.times);
        let root = &self.destination.path;
        let mut renames = match permit {
            Some(permit) if plan.counts.copied > 0 => {
                Renames::of(context, permit, (&mut self.ends, root), &mut plan.surplus).await?
            }
            Some(_) | None => None,
        };
        let (mut given, mut foreseen) = (Given::default(), None);
        while let Some(Task { named, what }) = plan.tasks.pop().map_err(|error| cannot_keep(&error))? {
            if context.cancel.is_cancelled() {
                return Err(Failure::interrupted());
            }
            if matches!(what, What::Make | What::Copy) {
                twins.look(context, (&mut self.ends.destination, root), &named.path).await?;
            }
            if what == What::Copy
                && let Some(renames) = &mut renames
                && let Some(old) =
                    renames.rename((&mut self.ends, &self.source.path), &named, (dry, times)).await?
            {
                self.renamed(&old, &named).await;
                continue;
            }
            match what {
                What::Copy | What::Replace if dry => self.foresee(&named, what, &mut foreseen).await?,
                What::Make | What::Copy | What::Replace | What::Compare => {
                    giver.give(given.add(named, self.ends.source.is_local()));
                }
            }
        }
        Ok((given, renames.map(Renames::renamed).unwrap_or_default()))
    }

    /// Tells that a file has its new name, or would get it.
    async fn renamed(&mut self, old: &PathName, named: &Named) {
        let root = Some(&self.destination.path);
        let place = self.ends.destination.show(&place::join(root, old));
        let dest = Some(self.ends.destination.show(&place::join(root, &named.path)));
        let (kind, size, dry_run) = (listing::Kind::File, named.facts.size, self.options.mode.is_dry());
        let change = Event::Changed(Change { verb: "rename", place, dest, kind, size, dry_run });
        if dry_run {
            self.context.events.deliver(change).await
        } else {
            self.context.events.say(change)
        }
        self.tally.renamed();
    }

    /// Tells that a file would be copied. The path is the same for all of them.
    async fn foresee(
        &mut self,
        named: &Named,
        what: What,
        foreseen: &mut Option<Foreseen>,
    ) -> Result<(), Failure> {
        let context = self.context;
        let Options { verify, allowed, mode, .. } = self.options;
        let Named { path, facts } = named;
        let from = self.ends.source.show(&place::join(Some(&self.source.path), path));
        let to = self.ends.destination.show(&place::join(Some(&self.destination.path), path));
        let known = match foreseen.take() {
            Some(known) => known,
            None => {
                self.ends.connect(context).await?;
                let common = crate::check::common(context, &mut self.ends, &[]).await?;
                let Ends { source, destination, .. } = &mut self.ends;
                let explain = mode == Mode::Explain;
                let rung = first_rung(context, source, destination, allowed, explain).await;
                Foreseen { common, rung }
            }
        };
        let means = verify.with(known.common, facts.size);
        let planned = match (means, known.rung.clone()) {
            (Ok(means), Ok(rung)) => {
                let verb = if what == What::Replace { "replace" } else { "copy" };
                let (source, dest, size) = (from.clone(), to.clone(), facts.size);
                let plan = Event::Plan { verb, source, dest, size, verify: means, dry_run: true };
                context.events.deliver(plan).await;
                Ok(Done::planned(facts.size, rung, means))
            }
            (Err(failure), _) | (_, Err(failure)) => Err(failure),
        };
        *foreseen = Some(known);
        self.tally.file(from, to, planned);
        Ok(())
    }

    /// The path of the destination. What deletes on this host follows no symbolic link, and the destination may be one.
    fn entered(&self) -> PathName {
        let path = &self.destination.path;
        if !self.ends.destination.is_local() || !local_path(path).is_symlink() {
            return path.clone();
        }
        let real = local_path(path).canonicalize().ok();
        let real = real.and_then(|real| PathName::from_user(real.into_os_string().into_vec()).ok());
        real.unwrap_or_else(|| path.clone())
    }

    /// Deletes what only the destination has.
    async fn delete(
        &mut self,
        plan: Plan,
        (renamed, twins): (HashSet<PathName>, Twins),
        permit: Permit,
    ) -> Result<(), Failure> {
        let deletion = Deletion {
            context: self.context,
            permit,
            source: self.source.path.clone(),
            root: self.entered(),
            backup: self.backup.clone(),
            renamed,
            twins,
            selects: self.filter.selects(),
            is_dry: self.options.mode.is_dry(),
        };
        let Ends { source, destination, .. } = &mut self.ends;
        deletion.run((source, destination), plan.surplus, self.tally).await
    }
}

/// What is given to the copying.
#[derive(Default)]
struct Given {
    files: u64,
    directories: u64,
    bytes: u64,
    unsized_files: u64,
}

impl Given {
    /// Counts something of the source.
    fn add(&mut self, Named { path, facts }: Named, is_local: bool) -> Visit {
        if facts.kind == listing::Kind::Directory {
            self.directories += 1;
            return Visit::Directory(path, Attributes { modified: facts.modified, mode: facts.mode });
        }
        self.files += 1;
        self.bytes = self.bytes.saturating_add(facts.size.unwrap_or(0));
        self.unsized_files += u64::from(facts.size.is_none());
        // A file of this host is looked at when it is copied.
        let known = facts.size.is_some() && !is_local;
        Visit::File(path, known.then_some(facts))
    }
}

/// What is the same for all files of a plan.
struct Foreseen {
    /// The digest that both ends compute.
    common: Option<ftp_proto::digest::Algorithm>,
    /// The path of their bytes.
    rung: Result<crate::ladder::Rung, Failure>,
}

/// A path that does not depend on the login directory, if that is known.
fn absolute(login: Option<&PathName>, path: &PathName) -> PathName {
    match login {
        Some(login) if path.as_bytes() == b"." => login.clone(),
        Some(login) if !path.as_bytes().starts_with(b"/") => place::join(Some(login), path),
        Some(_) | None => path.clone(),
    }
}

/// The path of `path` below `directory`, if it is there.
fn below(directory: &PathName, path: &PathName) -> Option<PathName> {
    let names = |path: &PathName| -> Vec<Vec<u8>> {
        let names = path.as_bytes().split(|byte| *byte == b'/');
        names.filter(|name| !matches!(*name, b"" | b".")).map(<[u8]>::to_vec).collect()
    };
    if !is_at_or_below(path, directory) {
        return None;
    }
    let rest = names(path).get(names(directory).len()..)?.join(&b'/');
    PathName::from_wire(rest).ok().filter(|rest| !rest.as_bytes().is_empty())
}

/// The name below the destination by which the journal knows the sync. Nothing is stored there.
const CLAIM: &str = ".ftp-user.sync";

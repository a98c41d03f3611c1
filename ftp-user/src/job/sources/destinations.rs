//! The destinations of a job: what they are, what is known to be there, and what is made there; where a source goes, and what of
//! it is refused. The journal keeps what later runs of the job must know.

use super::lines::{SourceLine, ToldFacts};
use crate::context::Context;
use crate::endpoint::files;
use crate::failure::{Failure, FtpUser, Result};
use crate::job::claims::names;
use crate::job::engine::stream::Stream;
use crate::job::removal::precious;
use crate::job::spool::NameSet;
use crate::job::{Item, Target};
use crate::journal::{EXISTING_DIRECTORY, NAME_OF_COPY};
use crate::place::{self, Location};
use crate::route::Ends;
use crate::session::Facts;
use crate::state::OwnFiles;
use ftp_proto::listing::Kind;
use ftp_proto::wire::{PathName, hex, of_hex};
use std::collections::HashSet;

/// What the destination is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Receiver {
    /// The name of the copy.
    Name,
    /// A directory that receives sources under their last names.
    Directory,
    /// A directory that is still to be made.
    NewDirectory,
}

impl Receiver {
    /// What a destination is where `found` is there. With `several` sources it must be a directory.
    pub(super) fn of(found: Option<&Facts>, destination: &Location, several: bool) -> Result<Self> {
        match (found, destination.contents, several) {
            (Some(facts), ..) if facts.kind == Kind::Directory => Ok(Self::Directory),
            (None, true, _) => Ok(Self::NewDirectory),
            (_, false, false) => Ok(Self::Name),
            (Some(facts), ..) => {
                let for_one = "choose a directory; one file is copied to a name without / at its end";
                files::check_directory(destination, facts.kind)
                    .map_err(|failure| failure.hint_if((!several).then_some(for_one)))
                    .map(|()| Self::Directory)
            }
            (None, false, true) => Err(Failure::of_command(format!(
                "several sources need a directory, and {destination} does not exist"
            ))
            .hint("end it with / to have it made")),
        }
    }

    /// Its word in the journal.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Name => NAME_OF_COPY,
            Self::Directory => EXISTING_DIRECTORY,
            Self::NewDirectory => "new-directory",
        }
    }

    pub(super) fn of_word(word: &str) -> Option<Self> {
        [Self::Name, Self::Directory, Self::NewDirectory].into_iter().find(|known| known.word() == word)
    }
}

/// What the destinations are.
#[derive(Debug)]
pub(super) struct Destinations<'a> {
    context: &'a Context,
    /// What the destination of all sources is, as soon as it is known.
    pub(super) receiver: Option<Receiver>,
    /// If each source has a destination of its own: those that are names of copies of trees. The directories that are
    /// there now are copies that have begun.
    named: Option<NamedTrees>,
    /// If all sources have one destination: whether a directory that is there receives each under its last name.
    pub(super) takes_names: bool,
    /// Directories that are there, at the current destination of a list.
    pub(super) directories: KnownDirectories,
}

impl<'a> Destinations<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        // The first run may have made the directory that is there now.
        let receiver = context.run.job_journal.decided().and_then(Receiver::of_word);
        Self { context, receiver, named: None, takes_names: false, directories: KnownDirectories::default() }
    }

    /// Each source has a destination of its own.
    pub(super) fn expect_each(&mut self) {
        self.named = Some(NamedTrees::of_word(self.context.run.job_journal.decided().unwrap_or_default()));
    }

    /// Whether each source has a destination of its own.
    pub(super) const fn is_each(&self) -> bool {
        self.named.is_some()
    }

    /// What a destination is, if that is known without a question.
    pub(super) fn known(&self, ends: &Ends, line: &SourceLine) -> Option<Receiver> {
        let Some(named) = &self.named else { return self.receiver };
        let name = journal_name(ends, line);
        if named.0.contains(&name) {
            // An earlier run of the job, or this one, has made it.
            return Some(Receiver::Name);
        }
        self.directories.has(&line.destination.path).then_some(Receiver::Directory)
    }

    /// Records what the destination of all sources is, so that later runs of the job treat it alike.
    pub(super) async fn is_received_by(&mut self, destination: &Location, receiver: Receiver) {
        if self.is_each() || self.receiver == Some(receiver) {
            return;
        }
        self.receiver = Some(receiver);
        let Some(job) = self.context.run.job_journal.decide(receiver.word().to_owned()).await else { return };
        // The contents of a directory go to the same place as those of the first copy.
        if !self.takes_names {
            return;
        }
        self.context.run.events.warn(format!(
            "{destination} may have been made by job {job}, which was interrupted: this copy goes into {destination}, under the last name of its source; {FtpUser} resume {job} goes on with the first copy"
        ));
    }

    /// Records that a destination of a list is the name of the copy of a tree, before its directory is made.
    pub(super) async fn names_tree(&mut self, ends: &Ends, line: &SourceLine) {
        let name = journal_name(ends, line);
        if let Some(named) = &mut self.named
            && named.0.insert(name)
        {
            self.context.run.job_journal.decide(named.to_word()).await;
        }
    }

    /// Makes the directory that receives sources, unless it is known to be there.
    pub(super) async fn make_directory(&mut self, stream: &mut Stream<'_>, path: &PathName) -> Result<()> {
        if self.directories.has(path) {
            return Ok(());
        }
        if files::make_directories(self.context, &mut stream.idle().destination, path).await? {
            stream.note_new_directory(path);
        }
        match self.is_each() {
            true => self.directories.add(path),
            false => self.receiver = Some(Receiver::Directory),
        }
        Ok(())
    }

    /// Makes what is missing above a file of a list. If it cannot be made, the copy tells why.
    pub(super) async fn make_parents(&mut self, stream: &mut Stream<'_>, item: &Item, told: &ToldFacts) {
        let is_there = matches!(item.target, Target::Known(Some(_)));
        let Some(parent) = place::parent(&item.destination).filter(|_| !is_there) else { return };
        if self.directories.has(&parent) {
            return;
        }
        let destination = &mut stream.idle().destination;
        let made = match told.destinations.get(&parent) {
            Some(Some(_)) => Ok(false),
            Some(None) => files::make_directories(self.context, destination, &parent).await,
            None => files::make_parents(self.context, destination, &item.destination).await.map(|_| false),
        };
        if let Ok(is_new) = made {
            if is_new {
                stream.note_new_directory(&parent);
            }
            self.directories.add(&parent);
        }
    }
}

/// The destination of a line as the journal names it.
fn journal_name(ends: &Ends, line: &SourceLine) -> JournalName {
    let host = &ends.destination;
    (names::site_of(host), names::directory_at(host, &line.destination.path))
}

/// The destinations of a list that are names of copies of trees.
///
/// A tree goes to the name of its destination if nothing is there, and into the directory that is there otherwise. A run that
/// goes on finds the directory which the first one has made, so the journal has its name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct NamedTrees(HashSet<JournalName>);

/// A destination as the journal names it: user, host and port (empty for this host), and the path there.
type JournalName = (String, Vec<u8>);

impl NamedTrees {
    /// As the journal has them: for each a line with the path in hexadecimal digits, a blank, and the site.
    fn to_word(&self) -> String {
        let mut lines: Vec<String> =
            self.0.iter().map(|(site, path)| format!("{} {site}", hex(path))).collect();
        lines.sort_unstable();
        lines.join("\n")
    }

    /// Reads what [`Self::to_word`] has written. What is not understood is left out.
    fn of_word(word: &str) -> Self {
        let read = |line: &str| {
            let (path, site) = line.split_once(' ')?;
            Some((site.to_owned(), of_hex(path.as_bytes())?))
        };
        Self(word.lines().filter_map(read).collect())
    }
}

/// Directories that are known to be there, so that nobody asks for the same one again.
#[derive(Debug, Default)]
pub(super) struct KnownDirectories(NameSet);

impl KnownDirectories {
    /// Adds a directory, which is there with those above it.
    fn add(&mut self, path: &PathName) {
        let mut paths = std::iter::successors(Some(path.clone()), place::parent);
        while paths.next().is_some_and(|path| self.0.insert(path.as_bytes())) {}
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, path: &PathName) -> bool {
        self.0.contains(path.as_bytes())
    }
}

/// Whether the root of a tree that is moved goes as well: one whose contents are meant stays, and so does a login directory.
pub(super) fn leaves_root(source: &Location) -> bool {
    !source.contents && place::base_name(&source.path).is_some()
}

/// Whether the copy of a tree would be in the tree. The root of a server has all of its paths in it.
fn is_within(source: &Location, target: &PathName) -> bool {
    let is_root = source.path.as_bytes() == b"/" && !source.is_local();
    let is_relative = !target.is_absolute() && target.as_bytes() != b".";
    target.is_below(&source.path) || (is_root && is_relative)
}

/// Refuses a source that is not what its place says, or that would be copied into itself. `is_also`: both are on one host.
pub(super) fn refuse(
    source: &Location,
    known: Option<&Facts>,
    target: &PathName,
    is_recursive: bool,
    is_also: bool,
) -> Result<()> {
    let is_tree = known.is_some_and(|facts| facts.kind == Kind::Directory);
    if is_tree && !is_recursive {
        return Err(Failure::of_command(format!("{source} is a directory"))
            .hint("-r takes directories with everything in them"));
    }
    if is_tree && is_also && is_within(source, target) {
        return Err(Failure::of_command(format!("{source} would be copied into itself"))
            .hint("choose another destination"));
    }
    if !is_tree && source.contents && known.is_some() {
        return Err(
            Failure::of_command(format!("{source} is not a directory")).hint("leave out the / at its end")
        );
    }
    Ok(())
}

/// Refuses a tree of this host that nobody wants to be moved away as a whole, if it `may_leave`.
pub(super) fn refuse_precious(source: &Location, may_leave: bool, own: &OwnFiles) -> Result<()> {
    let Some(what) = may_leave.then(|| precious(source, own)).flatten() else {
        return Ok(());
    };
    let what = format!("{source} {what}, and move does not delete it");
    Err(Failure::of_command(what).hint("name what is to be moved in it; copy -r copies everything"))
}

/// The failure of a source that would replace another one of the same job.
pub(super) fn one_name(source: &Location) -> Failure {
    Failure::of_command(format!("{source} has the last name of another source, which it would replace"))
        .hint("copy them one after the other, to different names")
}

/// Where a source goes. `into` says that the destination is a directory.
pub(super) fn target(source: &Location, destination: &Location, into: bool) -> PathName {
    let name = if source.contents { None } else { place::base_name(&source.path) };
    match name {
        // `.` is left out, so that the names of files are shorter.
        Some(name) if into && destination.path.as_bytes() == b"." => name,
        Some(name) if into => place::join(Some(&destination.path), &name),
        Some(_) | None => destination.path.clone(),
    }
}

/// Whether a directory receives a source under its last name, and not what is in it.
pub(super) fn takes_name(source: &Location, destination: &Location) -> bool {
    target(source, destination, true) != destination.path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::{location, path};

    #[test]
    fn those_above_a_directory_are_known_as_well() {
        let mut known = KnownDirectories::default();
        known.add(&path("a/b/c"));
        known.add(&path("a/b"));
        for (text, expect) in [("a", true), ("a/b", true), ("a/b/c", true), ("a/b/c/d", false), ("b", false)]
        {
            assert_eq!(known.has(&path(text)), expect, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let one = |site: &str, path: &[u8]| (site.to_owned(), path.to_vec());
        let mut trees = NamedTrees::default();
        assert!(trees.0.insert(one("a b@two:21", b"to\n\xff")));
        assert!(trees.0.insert(one("", b"dir/to")));
        let read = NamedTrees::of_word(&trees.to_word());
        assert_eq!(read, trees);
        assert!(read.0.contains(&one("", b"dir/to")) && !read.0.contains(&one("", b"dir/t")));
        assert_eq!(NamedTrees::of_word(""), NamedTrees::default());
        assert_eq!(NamedTrees::of_word("name"), NamedTrees::default());
    }

    #[test]
    fn trees_and_files_go_where_cp_puts_them() {
        let check = |source: &str, dest: &str, into: bool, expect: &str| {
            let found = target(&location(source), &location(dest), into);
            assert_eq!(found.display(), expect, "{source:?} {dest:?} {into}");
            let takes_name = takes_name(&location(source), &location(dest));
            assert_eq!(takes_name, !source.ends_with('/'), "{source:?} {dest:?}");
        };
        check("ftp://a/x/f", "ftp://b/g", false, "g");
        check("ftp://a/x/f", "ftp://b/d", true, "d/f");
        check("ftp://a/x/f", "ftp://b/d/", true, "d/f");
        check("ftp://a/x/f", "ftp://b/", true, "f");
        check("ftp://a/x/f", "ftp://b", true, "f");
        check("ftp://a/x/f", "ftp://b//", true, "/f");
        check("ftp://a/x/", "ftp://b/d", true, "d");
        check("ftp://a//", "ftp://b/d", true, "d");
        check("dir/f", "ftp://b/d", true, "d/f");
        check("ftp://a/x/f", "./d", true, "./d/f");
    }
}

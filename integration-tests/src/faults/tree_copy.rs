//! One tree: copied, moved or made equal, killed and resumed until it is there.

use super::errand::{Case, Errand, Verdict};
use super::tree::Tree;
use super::world::{Victim, World};
use crate::sim::random::Random;
use crate::site::PASSWORD;
use crate::user::{Run, Started};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Where the bytes of a copy go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Route {
    Direct,
    Relay,
    /// Through two agents that meet at a hub.
    Hub,
    User,
    Up,
    Down,
    Any,
    /// Between two servers of which one is of other people, at least. `None` is ours.
    Foreign(Option<usize>, Option<usize>),
}

/// What is done with files that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rule {
    Different,
    Always,
    Newer,
    Never,
}

/// What is done with a tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    /// `copy -r`: in the end the destination is what was wanted.
    Copy,
    /// `move -r`: each file is at the source or whole at the destination, whoever is killed.
    Move,
    /// `sync --delete`: nothing goes away at the destination that the source has, whoever is killed.
    Sync,
}

/// A tree that is copied.
pub(super) struct TreeCopy {
    number: u64,
    purpose: Purpose,
    rule: Rule,
    wanted: Tree,
    /// What the destination has had of it.
    older: Tree,
    /// The files that were whole at the destination after a run.
    copied: BTreeSet<String>,
    /// Whether files are there that may not be replaced.
    is_blocked: bool,
    /// Whether an old file may have another name for an instant: some servers do not rename to a name that is taken.
    is_set_aside: bool,
    /// Whether the journal may have the job.
    is_known: bool,
    /// Whether the run goes on with the job by its name.
    resumes: bool,
    /// The state directory. It may be shared with other jobs.
    state: PathBuf,
    _own_state: Option<TempDir>,
    victims: Vec<Victim>,
    case: Case,
}

/// How long the first file of a tree has been there, in seconds.
const AGE: u64 = 100_000;
/// In which time a server has renamed a file.
const PAUSE: Duration = Duration::from_millis(200);

impl TreeCopy {
    /// A copy between our own servers and this host.
    pub(super) fn new(world: &World, random: &mut Random, number: u64) -> Self {
        let route = random.pick([
            Route::Direct,
            Route::Direct,
            Route::Relay,
            Route::Hub,
            Route::User,
            Route::Up,
            Route::Down,
            Route::Any,
        ]);
        let purpose =
            random.pick([Purpose::Copy, Purpose::Copy, Purpose::Copy, Purpose::Move, Purpose::Sync]);
        let rule = match purpose {
            Purpose::Copy => {
                random.pick([Rule::Different, Rule::Different, Rule::Always, Rule::Newer, Rule::Never])
            }
            Purpose::Move => random.pick([Rule::Different, Rule::Always]),
            Purpose::Sync => Rule::Different,
        };
        Self::over(route, (purpose, rule), world, random, number)
    }

    /// A tree from, to or between servers of other people; `None` if there are none.
    pub(super) fn foreign(world: &World, random: &mut Random, number: u64) -> Option<Self> {
        let one = random.length(world.foreign.len().checked_sub(1)?);
        let other = Some(random.length(world.foreign.len() - 1)).filter(|other| *other != one);
        let other = other.filter(|_| random.once_in(2));
        let (from, to) = if random.once_in(2) { (Some(one), other) } else { (other, Some(one)) };
        let purpose = random.pick([Purpose::Copy, Purpose::Move, Purpose::Sync]);
        let rule = match purpose {
            Purpose::Copy | Purpose::Move => Rule::Always,
            Purpose::Sync => Rule::Different,
        };
        Some(Self::over(Route::Foreign(from, to), (purpose, rule), world, random, number))
    }

    fn over(
        route: Route,
        (purpose, rule): (Purpose, Rule),
        world: &World,
        random: &mut Random,
        number: u64,
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        let own_state = random.once_in(2).then(|| tempfile::tempdir().unwrap());
        let state = own_state.as_ref().map_or(&*world.jobs, TempDir::path).to_path_buf();
        let name = format!("t{number}");
        let ([from, to], urls) = places(route, world, home.path(), &name);
        let tree = Tree::random(random);
        tree.write(&from, AGE);
        let older = if random.once_in(2) { tree.older(random) } else { Tree::default() };
        if !older.files.is_empty() {
            older.write(&to, 2 * AGE);
        }
        if purpose == Purpose::Sync {
            Tree::surplus(random).write(&to, 2 * AGE);
        }
        if let Route::Foreign(one, other) = route {
            for (at, top) in [(one, &from), (other, &to)] {
                at.filter(|_| top.exists()).into_iter().for_each(|at| world.foreign[at].owns(top));
            }
        }
        let mut wanted = tree;
        let is_blocked = rule == Rule::Never && !older.files.is_empty();
        if is_blocked {
            wanted.files.extend(older.files.clone());
        }
        let words = words(route, (purpose, rule), world, random, &name);
        let shown = format!("{words:?} {}", urls.join(" ").replace(PASSWORD, ""));
        let [source, destination] = urls;
        // A destination that is there receives the directory under its last name, unless its contents are meant.
        let words = words.into_iter().chain([source + "/", destination]).collect();
        Self {
            number,
            purpose,
            rule,
            wanted,
            older,
            copied: BTreeSet::new(),
            is_blocked,
            is_set_aside: matches!(route, Route::Foreign(..)),
            is_known: false,
            resumes: false,
            state,
            _own_state: own_state,
            victims: victims(route),
            case: Case { home, words, from, to, shown },
        }
    }

    /// What holds at every instant, also in the middle of a run that was killed.
    fn has_lost_nothing(&mut self, run: &Run) {
        // A server may still rename what it was told to rename.
        let lost = self.lost().or_else(|| {
            thread::park_timeout(PAUSE);
            self.lost()
        });
        assert_eq!(lost, None, "{}\n{run}", self.case.shown);
        let there = Tree::read(&self.case.to).files;
        let is_copied = |(name, bytes): &(&String, &Vec<u8>)| there.get(*name) == Some(*bytes);
        self.copied.extend(self.wanted.files.iter().filter(is_copied).map(|(name, _)| name.clone()));
    }

    /// What is lost, as far as it is seen now.
    fn lost(&self) -> Option<String> {
        let Self { purpose, wanted, older, copied, case: Case { from, to, .. }, .. } = self;
        let there = Tree::read(to).files;
        wanted.files.iter().find_map(|(name, bytes)| {
            let is_at_source = || fs::read(from.join(name)).is_ok_and(|is| is == *bytes);
            let (old, is) = (older.files.get(name), there.get(name));
            let is_aside = || {
                let is_aside = self.is_set_aside && there.values().any(|is| Some(is) == old);
                eprintln!("    the old file of {name} has another name: {is_aside}");
                is_aside
            };
            let is_right = match (is, old) {
                (Some(is), old) => is == bytes || Some(is) == old,
                (None, Some(_)) => is_aside(),
                (None, None) => !copied.contains(name),
            };
            let is_kept = match purpose {
                Purpose::Copy => true,
                // The destination gets it before the source loses it.
                Purpose::Move => is == Some(bytes) || is_at_source(),
                Purpose::Sync => is_at_source(),
            };
            match (is_right, is_kept) {
                (true, true) => None,
                (false, _) => Some(format!("{name} was deleted at the destination, or is there by half")),
                (true, false) => Some(format!("{name} is lost at the source")),
            }
        })
    }

    /// The source of a move is empty. A kill may leave a file under another name that was renamed to find out whether source
    /// and destination are one file.
    fn is_left(&self, run: &Run) {
        let left = Tree::read(&self.case.from);
        let is_aside = |(name, bytes): (&String, &Vec<u8>)| {
            name.ends_with(".ftp-user.part") && self.wanted.files.values().any(|wanted| wanted == bytes)
        };
        assert!(
            left.files.iter().all(is_aside),
            "{}: {:?} is left\n{run}",
            self.case.shown,
            left.files.keys()
        );
        let is_empty = left.files.is_empty();
        assert!(!is_empty || left == Tree::default(), "{}: directories are left\n{run}", self.case.shown);
    }

    /// The copy is what was wanted, and nothing else is there: no part, no old file, no lock.
    fn is_whole(&self, run: &Run) {
        let differences = Tree::read(&self.case.to).differences(&self.wanted);
        assert!(
            differences.is_empty(),
            "{} (rule {:?}) is said to be done: {differences:#?}\n{run}",
            self.case.shown,
            self.rule
        );
        let locks = fs::read_dir(self.state.join("jobs")).map_or(0, Iterator::count);
        assert_eq!(locks, 0, "{}: a lock is left\n{run}", self.case.shown);
        if self.purpose == Purpose::Move {
            self.is_left(run);
        }
    }
}

/// The directories of both trees, and how they are typed.
fn places(route: Route, world: &World, home: &Path, name: &str) -> ([PathBuf; 2], [String; 2]) {
    let local = |path: &str| (home.join(path), path.to_owned());
    let at = |server: &crate::site::Server| (server.path(name), server.url(name));
    let theirs = |at: Option<usize>| match at {
        Some(at) => (world.foreign[at].path(name), world.foreign[at].clear_url(name)),
        None => (world.open.path(name), world.open.url(name)),
    };
    let (from, to) = match route {
        Route::Up => (local(name), at(&world.destination)),
        Route::Down => (at(&world.source), local("./copy")),
        Route::Direct | Route::Relay | Route::Hub | Route::User | Route::Any => {
            (at(&world.source), at(&world.destination))
        }
        Route::Foreign(from, to) => (theirs(from), theirs(to)),
    };
    ([from.0, to.0], [from.1, to.1])
}

/// The command, without its places.
fn words(
    route: Route,
    (purpose, rule): (Purpose, Rule),
    world: &World,
    random: &mut Random,
    name: &str,
) -> Vec<String> {
    let rule = format!("{rule:?}").to_lowercase();
    let words: &[&str] = match purpose {
        Purpose::Copy => &["copy", "-r", "--id", name, "--overwrite", &rule],
        Purpose::Move => &["move", "-r", "--id", name, "--overwrite", &rule],
        Purpose::Sync => &["sync", "--delete", "--id", name],
    };
    let mut words: Vec<String> = words.iter().copied().map(str::to_owned).collect();
    let path = match route {
        Route::Direct => Some("direct"),
        Route::User => Some("user"),
        Route::Relay | Route::Hub => Some("relay"),
        Route::Up | Route::Down | Route::Any | Route::Foreign(..) => None,
    };
    words.extend(path.into_iter().flat_map(|path| ["--path".to_owned(), path.to_owned()]));
    if matches!(route, Route::Relay | Route::Any) {
        words.extend(world.relay_words());
    }
    if route == Route::Hub {
        words.extend(world.hub_words());
    }
    if random.once_in(2) {
        words.push("--no-tls".to_owned());
    }
    if random.once_in(3) {
        words.extend(["--jobs", "4"].map(str::to_owned));
    }
    words
}

/// Who may be killed beside the coordinator, some more often than others.
fn victims(route: Route) -> Vec<Victim> {
    match route {
        Route::Foreign(from, to) => {
            let victim = |at: Option<usize>| at.map_or(Victim::Open, Victim::Foreign);
            vec![victim(from), victim(to)]
        }
        Route::Hub => {
            vec![Victim::Hub, Victim::Agent(0), Victim::Agent(1), Victim::Source, Victim::Destination]
        }
        Route::Direct | Route::Relay | Route::User | Route::Up | Route::Down | Route::Any => {
            let (from, to) = (Victim::Source, Victim::Destination);
            vec![from, from, to, to, Victim::Relay]
        }
    }
}

impl Errand for TreeCopy {
    fn case(&self) -> &Case {
        &self.case
    }

    fn servers(&self) -> &[Victim] {
        &self.victims
    }

    fn start(&mut self, world: &World, random: &mut Random) -> Started {
        self.resumes = self.is_known && random.once_in(2);
        let run = world.user(&self.state, self.case.home.path());
        let job = format!("t{}", self.number);
        if self.resumes { run.args(["resume", &job]) } else { run.args(&self.case.words) }.start()
    }

    fn judge(&mut self, _: &mut World, run: &Run, hit: Option<Victim>) -> Verdict {
        self.is_known = run.code() != Some(3);
        self.has_lost_nothing(run);
        match run.code() {
            None if hit == Some(Victim::Coordinator) => Verdict::Again,
            Some(0) => {
                let shown = &self.case.shown;
                assert!(!self.is_blocked, "{shown}: files that may not be replaced are there\n{run}");
                self.is_whole(run);
                Verdict::Done
            }
            // What must not be replaced fails, and the rest is there.
            Some(8 | 9) if self.is_blocked && hit.is_none() => {
                self.is_whole(run);
                Verdict::Done
            }
            Some(3) if self.resumes => Verdict::Again,
            // The run before was killed when all was done.
            Some(2) if self.resumes && run.said.contains("nothing to resume") => {
                self.is_whole(run);
                Verdict::Done
            }
            Some(1 | 5 | 6 | 8 | 9) => Verdict::Failed,
            // Whether the source of a move may be deleted is not certain.
            Some(7) if self.purpose == Purpose::Move => Verdict::Failed,
            code => panic!("{}: exit code {code:?}\n{run}", self.case.shown),
        }
    }
}

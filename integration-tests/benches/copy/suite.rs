//! One build of our programs, with two of its servers running.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use integration_tests::binary::Program;
use integration_tests::performance::BASELINE;
use integration_tests::site::{Server, Site};
use integration_tests::user::{Run, User, user_at};

use crate::plan::{FILE, Plan};
use crate::process::{Cost, cpu_seconds_of_children, peak_while_it_runs};

/// What the two servers of a suite are in a copy.
pub(crate) const ENDS: [&str; 2] = ["source", "destination"];

/// The user agent and the two servers of one build.
pub(crate) struct Suite {
    user: PathBuf,
    is_baseline: bool,
    pub(crate) servers: [Server; 2],
}

/// What one run of the user agent took.
pub(crate) struct Taken {
    pub(crate) run: Run,
    /// From the start of the process to its end.
    pub(crate) seconds: f64,
    pub(crate) cost: Cost,
    /// The most memory that it had resident, in MiB.
    pub(crate) peak: f64,
}

impl Suite {
    /// Starts the servers of the build in `programs`; `None` is the build of this tree. All suites use the
    /// same directories, `source` and `destination` below `place`, so that memory holds the file once.
    pub(crate) fn start(programs: Option<&Path>, place: &Path) -> Self {
        let path = |program: Program| programs.map_or_else(|| program.path(), |at| program.path_in(at));
        let server = |name: &str, ip: &str| {
            Site::new(name).at(ip).program(path(Program::Server)).start_in(place.join(name))
        };
        let servers = [server(ENDS[0], "127.0.0.2"), server(ENDS[1], "127.0.0.3")];
        Self { user: path(Program::User), is_baseline: programs.is_some(), servers }
    }

    /// Its name in a comparison: `ours` if it is this tree's build.
    pub(crate) const fn contender(&self, ours: &'static str) -> &'static str {
        if self.is_baseline { BASELINE } else { ours }
    }

    /// The user agent of this build.
    pub(crate) fn program(&self) -> &Path {
        &self.user
    }

    /// A run of this build's user agent.
    pub(crate) fn user(&self) -> User {
        user_at(&self.user)
    }

    /// One copy from server to server, by the direct path; `verify` is the option of that name.
    pub(crate) fn copy(&self, plan: &Plan, verify: &str) -> Taken {
        let [source, destination] = &self.servers;
        let to = (destination.url(FILE), destination.path(FILE));
        copied(plan, self.user(), "direct", &source.url(FILE), (&to.0, &to.1), verify)
    }
}

/// One copy by a user agent; the file that it has made is deleted afterwards.
pub(crate) fn copied(
    plan: &Plan,
    user: User,
    path: &str,
    from: &str,
    (to, copy): (&str, &Path),
    verify: &str,
) -> Taken {
    let taken = measured(user.args(["copy", "--json", "--path", path, "--verify", verify]).args([from, to]));
    let summary = taken.run.summary();
    assert_eq!(summary["bytes"], plan.bytes(), "{summary}");
    assert_eq!(summary["path"], path, "{summary}");
    assert_eq!(fs::metadata(copy).unwrap().len(), plan.bytes());
    fs::remove_file(copy).unwrap();
    taken
}

/// Runs a user agent to its end, which must be a success.
pub(crate) fn measured(user: User) -> Taken {
    let (start, before) = (Instant::now(), cpu_seconds_of_children());
    let started = user.start();
    let peak = peak_while_it_runs(started.running.id());
    let run = started.end().exits(0);
    let seconds = start.elapsed().as_secs_f64();
    Taken { run, seconds, cost: cpu_seconds_of_children().since(before), peak: peak.join().unwrap() }
}

/// The order of a round: each round begins with another one.
pub(crate) fn turns(round: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |turn| (round + turn) % count)
}

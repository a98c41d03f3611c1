//! How long the shell takes to start, and how long a name at a server takes to be completed from what was listed before, and a
//! job from the journal.

use std::fs;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use integration_tests::binary::Program;
use integration_tests::performance::USER;
use serde_json::json;

use crate::plan::Plan;
use crate::report::Report;

/// The cache has this many directories, which fills it.
const DIRECTORIES: usize = 5;
/// The most names that it keeps of one directory.
const NAMES: usize = 10_000;
/// The journal has so many jobs: as many as it keeps of those that have begun no file.
const JOBS: usize = 5;
/// Runs in one round.
const RUNS: usize = 20;
pub(crate) fn table(plan: &Plan, report: &mut Report) {
    let home = tempfile::tempdir().unwrap();
    fill(home.path());
    fail_jobs(home.path());
    let script = home.path().join("empty");
    fs::write(&script, "").unwrap();
    let typed = b"ls\0ftp://ann@127.0.0.2/dir-3/a-usual-name-of-a-file-77\0";
    let completed = milliseconds(home.path(), &["completions", "bash", "--words"], typed);
    assert_eq!(completed.1.matches("/dir-3/a-usual-name-of-a-file-77").count(), 100, "{}", completed.1);
    let jobs = milliseconds(home.path(), &["completions", "bash", "--words"], b"why\0\0");
    assert_eq!(jobs.1.matches(" copy ftp:").count(), JOBS, "{}", jobs.1);
    let (mut starts, mut completions, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.rounds * RUNS {
        starts.push(milliseconds(home.path(), &["shell", "-f", script.to_str().unwrap()], b"").0);
        completions.push(milliseconds(home.path(), &["completions", "bash", "--words"], typed).0);
        ids.push(milliseconds(home.path(), &["completions", "bash", "--words"], b"why\0\0").0);
    }
    for (what, times) in [
        ("shell with an empty script", starts),
        ("100 of 10,000 names at Tab", completions),
        ("jobs of a journal at Tab", ids),
    ] {
        report.rounds(what, "ms", USER, &times);
    }
}

/// Makes the state directory of somebody who has listed a lot.
fn fill(home: &Path) {
    let state = home.join("state");
    fs::DirBuilder::new().mode(0o700).create(&state).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let names: String = (0..NAMES).map(|number| format!("\ta-usual-name-of-a-file-{number:04}")).collect();
    let line = |number| {
        let directory = json!({"directory": format!("ftp://ann@127.0.0.2/dir-{number}/"), "at": now});
        format!("{directory}{names}\n")
    };
    fs::write(state.join("shell-listings.txt"), (0..DIRECTORIES).map(line).collect::<String>()).unwrap();
}

/// Copies that begin no file: nobody listens there.
fn fail_jobs(home: &Path) {
    for _ in 0..JOBS {
        let mut command = Command::new(Program::User.path());
        command.arg("--state").arg(home.join("state")).env_clear().env("HOME", home);
        command.args(["--retries", "0", "copy", "ftp://ann:x@127.0.0.1:1/a", "ftp://ann:x@127.0.0.1:1/b"]);
        let output = command.stderr(Stdio::null()).output().unwrap();
        assert!(!output.status.success(), "somebody listens at 127.0.0.1:1");
    }
}

/// Runs the user agent with that input. How long it took, and what it has printed.
fn milliseconds(home: &Path, words: &[&str], input: &[u8]) -> (f64, String) {
    let start = Instant::now();
    let mut command = Command::new(Program::User.path());
    command.arg("--state").arg(home.join("state")).args(words).env_clear().env("HOME", home);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let time = start.elapsed().as_secs_f64() * 1000.0;
    assert!(output.status.success(), "{words:?}: {output:?}");
    (time, String::from_utf8(output.stdout).unwrap())
}

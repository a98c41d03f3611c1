//! A server of other people as a process group: its log is kept, nothing of it outlives the test.

use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// Runs `"$@"` and ends its whole group when standard input closes: also when the harness is killed.
const WATCHED: &str =
    r#"exec 3<&0 </dev/null; "$@" 3<&- & { cat <&3 >/dev/null; kill -KILL 0; } & exec 3<&-; wait $!"#;

/// A group that runs. Dropping it kills it; a failing test prints its log.
#[derive(Debug)]
pub struct Group {
    name: String,
    child: Child,
    ended: bool,
    log: PathBuf,
}

impl Group {
    /// Starts `command` in a group of its own. What it says goes to `log`.
    pub fn start(name: &str, command: &Command, log: &Path) -> Self {
        let mut watched = Command::new("sh");
        watched.args(["-c", WATCHED, "sh"]).arg(command.get_program()).args(command.get_args());
        watched.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        if let Some(directory) = command.get_current_dir() {
            watched.current_dir(directory);
        }
        // Servers that write their own log append to the same file.
        let file = File::options().create(true).append(true).open(log).unwrap();
        watched.stdin(Stdio::piped()).stdout(file.try_clone().unwrap()).stderr(file).process_group(0);
        let child = watched.spawn().unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        Self { name: name.into(), child, ended: false, log: log.into() }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.ended = self.ended || self.child.try_wait().unwrap().is_some();
        self.ended
    }

    /// The id of the group, which all processes of the server have.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has said so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The id is its own until its leader is waited for; what is left of a group without one
        // sees its standard input close.
        let id = if self.ended { None } else { i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) };
        if let Some(id) = id {
            let _ = kill_process_group(id, Signal::KILL);
        }
        drop(self.child.wait());
        if thread::panicking() {
            eprintln!("---- {} said ----\n{}", self.name, self.said());
        }
    }
}

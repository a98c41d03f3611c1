//! A server of other people as a process group: its log is kept, nothing of it outlives the test.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

/// Runs `"$@"` and ends its whole group when standard input closes: also when the harness is killed.
const WATCHED: &str = r#"exec 3<&0 </dev/null; "$@" 3<&- & server=$!; { cat <&3 >/dev/null; kill -KILL 0; } & exec 3<&-; wait $server"#;

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

    /// Kills the processes of all its sessions: those that the listening one, which the leader has
    /// started beside its own watch, has started. Some servers give each a group of its own.
    pub fn kill_sessions(&self) {
        Self::kill_sessions_of(self.id());
    }

    /// The same for a group that somebody else has, by its id.
    pub fn kill_sessions_of(leader: u32) {
        let all = processes();
        let children = |of: u32| all.iter().filter(move |process| process.parent == of);
        let mut found: Vec<u32> =
            children(leader).filter(|process| process.name != "sh").map(|process| process.id).collect();
        let (listening, mut done) = (found.len(), 0);
        while let Some(&above) = found.get(done) {
            found.extend(children(above).map(|process| process.id));
            done += 1;
        }
        for id in found.into_iter().skip(listening) {
            let id = i32::try_from(id).ok().and_then(Pid::from_raw).unwrap();
            let _ = kill_process(id, Signal::KILL); // it may have ended meanwhile
        }
    }

    /// All that it has said so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

/// A process of this host.
struct Process {
    id: u32,
    parent: u32,
    name: String,
}

fn processes() -> Vec<Process> {
    let ids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        Some(Process { id, parent: rest.split(' ').nth(1)?.parse().ok()?, name: name.to_owned() })
    })
    .collect()
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

//! What the system knows about a process and about a directory: Linux's `/proc`.

use std::fmt;
use std::fs;
use std::path::Path;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// CPU seconds.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Cost {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl Cost {
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self { user: self.user - before.user, system: self.system - before.system }
    }

    pub(crate) fn over(self, parts: f64) -> Self {
        Self { user: self.user / parts, system: self.system / parts }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.user += other.user;
        self.system += other.system;
    }

    /// As its display shows it.
    pub(crate) fn parse(text: &str) -> Self {
        let (user, system) = text.split_once(' ').unwrap();
        Self { user: user.parse().unwrap(), system: system.parse().unwrap() }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.user, self.system)
    }
}

/// What a process has spent so far, all threads.
pub(crate) fn cpu_seconds(id: u32) -> Cost {
    cost_of(&id.to_string())
}

/// What this process has spent so far.
pub(crate) fn own_cpu_seconds() -> Cost {
    cost_of("self")
}

/// What its children have spent that have ended.
pub(crate) fn cpu_seconds_of_children() -> Cost {
    cost_at("self", OF_CHILDREN)
}

/// What a process and all below it have spent so far, with those that have ended under them; and how
/// many there are.
pub(crate) fn cpu_seconds_of_family(first: u32) -> (Cost, usize) {
    let (mut all, mut count) = (Cost::default(), 0);
    for id in family(first) {
        // It may end while it is looked at.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        for of in [OWN, OF_CHILDREN] {
            all.add(cost_in(&fields(&stat), of));
        }
        count += 1;
    }
    (all, count)
}

/// A process and all below it. A session's process may have left the group of its server.
pub(crate) fn family(first: u32) -> Vec<u32> {
    let ids =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let with_parent = |id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Some((id, fields(&stat).get(1)?.parse().ok()?))
    };
    let all: Vec<(u32, u32)> = ids.filter_map(with_parent).collect();
    let (mut found, mut done) = (vec![first], 0);
    while let Some(&above) = found.get(done) {
        found.extend(all.iter().filter(|(_, parent)| *parent == above).map(|(id, _)| *id));
        done += 1;
    }
    found
}

/// What a process has resident, each page divided among those who share it. 0 if it has ended.
pub(crate) fn pss_kib(id: u32) -> f64 {
    let Ok(rollup) = fs::read_to_string(format!("/proc/{id}/smaps_rollup")) else { return 0.0 };
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok()).unwrap_or(0.0)
}

fn cost_of(process: &str) -> Cost {
    cost_at(process, OWN)
}

/// Where `stat` has a process's own time, and that of its children that have ended.
const OWN: usize = 11;
const OF_CHILDREN: usize = 13;

fn cost_at(process: &str, field: usize) -> Cost {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    cost_in(&fields(&stat), field)
}

/// What stands behind the name, which is in brackets and in which anything may stand.
fn fields(stat: &str) -> Vec<&str> {
    stat.rsplit_once(')').unwrap().1.split_whitespace().collect()
}

fn cost_in(fields: &[&str], field: usize) -> Cost {
    let seconds = |field: usize| fields[field].parse::<f64>().unwrap() / TICKS;
    Cost { user: seconds(field), system: seconds(field + 1) }
}

/// The kernel counts in hundredths of a second here, whatever its own tick is.
const TICKS: f64 = 100.0;

/// The most memory that a process had resident since [`forget_peak`].
pub(crate) fn peak_mib(id: u32) -> f64 {
    status_mib(id, PEAK).unwrap()
}

/// Looks at the peak of a process every few milliseconds until it ends; the result is the last one seen.
pub(crate) fn peak_while_it_runs(id: u32) -> JoinHandle<f64> {
    spawn(move || {
        let mut peak = 0.0;
        while let Some(now) = status_mib(id, PEAK) {
            peak = now;
            sleep(Duration::from_millis(5));
        }
        peak
    })
}

const PEAK: &str = "VmHWM:";

/// None: the process has ended.
fn status_mib(id: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()? / 1024.0)
}

/// What a process has resident now.
pub(crate) fn resident_mib(id: u32) -> f64 {
    status_mib(id, "VmRSS:").unwrap()
}

/// Lets the peak start again from what is resident now.
pub(crate) fn forget_peak(id: u32) {
    fs::write(format!("/proc/{id}/clear_refs"), "5").unwrap();
}

/// Whether somebody in the network of a process listens on a port (IPv4).
pub(crate) fn listens(id: u32, port: u16) -> bool {
    const LISTEN: &str = "0A";
    let table = fs::read_to_string(format!("/proc/{id}/net/tcp")).unwrap();
    let wanted = format!(":{port:04X}");
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next().is_some_and(|local| local.ends_with(&wanted)) && fields.nth(1) == Some(LISTEN)
    })
}

/// Bytes that fit into a directory; in memory no more than is free there.
pub(crate) fn room(directory: &Path) -> u64 {
    let Ok(stat) = rustix::fs::statvfs(directory) else { return 0 };
    (stat.f_bavail * stat.f_frsize).min(free_memory())
}

fn free_memory() -> u64 {
    let memory = fs::read_to_string("/proc/meminfo").unwrap();
    let line = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

/// Lets this process open as many files as the system allows it.
pub(crate) fn raise_descriptor_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// The kind of file system that a directory is on.
pub(crate) fn file_system(directory: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let longest = mounts.filter(|(at, _)| directory.starts_with(at)).max_by_key(|(at, _)| at.len());
    longest.map_or("unknown", |(_, kind)| kind).to_owned()
}

/// Waits until most connections that have ended are forgotten: Linux keeps their ports for a minute (TIME_WAIT).
pub(crate) fn wait_for_local_ports() {
    const FEW: u32 = 500;
    const SECONDS: usize = 90;
    let kept = || -> u32 {
        let text = fs::read_to_string("/proc/net/sockstat").unwrap();
        let mut words = text.split_whitespace().skip_while(|word| *word != "tw");
        words.nth(1).unwrap().parse().unwrap()
    };
    for _ in 0..SECONDS {
        if kept() < FEW {
            return;
        }
        sleep(Duration::from_secs(1));
    }
    println!("{} ended connections still hold local ports", kept());
}

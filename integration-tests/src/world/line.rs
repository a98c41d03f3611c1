//! A long line: two servers and a user agent, each so far from the others, and what copies take on it in round trips.

use super::manners::Manners;
use super::network::Dropped;
use super::{HostId, SHORTEST, Serving, World};
use crate::sim::random::Random;
use ftp_io::lock::Lock;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Two servers, and a user agent that remembers what it has learnt of them.
#[derive(Debug)]
pub struct LongLine {
    directory: TempDir,
    world: World,
    user: HostId,
    /// Whether this host is the source in place of the first server.
    sends: bool,
    round_trip: Duration,
    /// How many data connections were cut.
    pub cuts: usize,
}

/// What a copy of one file took.
#[derive(Clone, PartialEq, Debug)]
pub struct RoundTrips {
    /// From the start of the user agent until the first byte of the file was stored.
    pub before_first_byte: f64,
    /// From the last byte until the user agent has ended.
    pub after_last_byte: f64,
    /// The dialogues with both servers.
    pub trace: String,
}

/// Connections to the source that are reset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// How long after the start.
    pub after: Duration,
    /// How many, the oldest first.
    pub number: usize,
    /// Beyond how many control connections a firewall drops others from then on.
    pub permitted: usize,
}

impl LongLine {
    /// Starts both servers.
    ///
    /// # Errors
    ///
    /// The directory in memory cannot be written.
    pub fn start(tls: bool) -> io::Result<Self> {
        Self::with_sessions(tls, 0)
    }

    /// The same with servers that permit an account so many sessions; 0 is no limit.
    ///
    /// # Errors
    ///
    /// The directory in memory cannot be written.
    pub fn with_sessions(tls: bool, sessions: u32) -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("line").tempdir_in("/dev/shm")?;
        let mut world = World::new(0);
        let round_trip = Duration::from_millis(200);
        world.shared.network.locked().latency = round_trip / 2;
        for name in ["one", "two"] {
            let (root, state) = (directory.path().join(name), directory.path().join(format!("{name}-state")));
            fs::create_dir(&root)?;
            fs::create_dir(&state)?;
            let host = world.host(name);
            let (root, state) = (&*root, &*state);
            world.serve(host, Serving { root, state, has_room: true, tls, permits: true, sessions });
        }
        let home = directory.path().join("home");
        fs::create_dir(&home)?;
        let logins = home.join(".netrc");
        fs::write(&logins, super::logins())?;
        fs::set_permissions(&logins, Permissions::from_mode(0o600))?;
        let user = world.host("user");
        Ok(Self { directory, world, user, sends: false, round_trip, cuts: 0 })
    }

    /// Copies a file of so many bytes.
    ///
    /// # Errors
    ///
    /// The directory in memory cannot be written.
    ///
    /// # Panics
    ///
    /// The copy fails.
    pub fn copy(&mut self, name: &str, bytes: usize) -> io::Result<RoundTrips> {
        let content = Random::new(bytes as u64).bytes(bytes);
        fs::write(self.directory.path().join("one").join(name), &content)?;
        let begun = self.world.now();
        self.run("copy", &[], name);
        let (mut first, mut last) = (None, None);
        let status = loop {
            self.world.step_for(SHORTEST);
            let stored = longest_file(&self.directory.path().join("two"), name)?;
            let now = self.world.now();
            first = first.or_else(|| (stored > 0).then_some(now));
            last = last.or_else(|| (stored == bytes as u64).then_some(now));
            if let Some(status) = self.world.ended(self.user) {
                break status;
            }
        };
        assert_eq!(status, 0, "{}", self.world.said(self.user));
        assert_eq!(fs::read(self.directory.path().join("two").join(name))?, content);
        let (first, last) = (first.expect("it was stored"), last.expect("it was stored"));
        let in_round_trips = |time: Duration| time.as_secs_f64() / self.round_trip.as_secs_f64();
        Ok(RoundTrips {
            before_first_byte: in_round_trips(first - begun),
            after_last_byte: in_round_trips(self.world.now() - last),
            trace: self.trace()?,
        })
    }

    /// Copies a directory with so many files of 1,000 bytes, with one pair of sessions. A larger one in the middle goes alone. After
    /// `cut` round trips, the data connection between the servers is reset, if there is one. Returns the dialogues with both
    /// servers.
    ///
    /// # Errors
    ///
    /// The directory in memory cannot be written.
    ///
    /// # Panics
    ///
    /// The copy fails.
    pub fn copy_tree(&mut self, name: &str, files: usize, cut: Option<u32>) -> io::Result<String> {
        let [source, destination] = ["one", "two"].map(|end| self.directory.path().join(end).join(name));
        fs::create_dir(&source)?;
        for number in 0..files {
            let bytes = if number == files / 2 { 300_000 } else { 1_000 };
            fs::write(source.join(number.to_string()), Random::new(number as u64).bytes(bytes))?;
        }
        let mut cut_at = cut.map(|after| self.world.now() + self.round_trip * after);
        self.run("copy", &["-r", "-j", "1"], name);
        let status = loop {
            self.world.step_for(SHORTEST);
            if cut_at.take_if(|at| *at <= self.world.now()).is_some() {
                let user = self.user.0;
                self.cuts += self.world.shared.network.locked().cut(true, |hosts| !hosts.contains(&user));
            }
            if let Some(status) = self.world.ended(self.user) {
                break status;
            }
        };
        assert_eq!(status, 0, "{}", self.world.said(self.user));
        assert_eq!(fs::read_dir(&destination)?.count(), files);
        for number in (0..files).map(|number| number.to_string()) {
            assert_eq!(
                fs::read(source.join(&number))?,
                fs::read(destination.join(&number))?,
                "{name}/{number}"
            );
        }
        self.trace()
    }

    /// Copies a tree of these small files. Returns how many of them have failed.
    ///
    /// # Errors
    ///
    /// The directory in memory cannot be written.
    ///
    /// # Panics
    ///
    /// The exit status says something else.
    pub fn copy_files(
        &mut self,
        name: &str,
        files: &[String],
        options: &[&str],
        mut cut: Option<Cut>,
    ) -> io::Result<usize> {
        let [source, destination] = ["one", "two"].map(|end| self.directory.path().join(end).join(name));
        for file in files {
            let path = source.join(file);
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(path, name)?;
        }
        let begun = self.world.now();
        self.run("copy", &[&["-r"], options].concat(), name);
        let status = loop {
            self.world.step_for(SHORTEST);
            if let Some(Cut { number, permitted, .. }) =
                cut.take_if(|cut| begun + cut.after <= self.world.now())
            {
                self.drop_control_connections_beyond(permitted);
                let mut left = number;
                self.cuts += self.world.shared.network.locked().cut(true, |hosts| {
                    let is_meant = hosts[1] == 0 && left > 0;
                    left -= usize::from(is_meant);
                    is_meant
                });
            }
            if let Some(status) = self.world.ended(self.user) {
                break status;
            }
        };
        let is_whole =
            |file: &&String| fs::read_to_string(destination.join(file)).is_ok_and(|text| text == name);
        let failed = files.len() - files.iter().filter(is_whole).count();
        assert_eq!(
            status,
            if failed == 0 { 0 } else { 9 },
            "{failed} failed: {}",
            self.world.said(self.user)
        );
        Ok(failed)
    }

    /// Changes a file of a tree at the destination, which keeps its size.
    ///
    /// # Errors
    ///
    /// The directory in memory cannot be written.
    pub fn change_copy(&self, name: &str, file: &str) -> io::Result<()> {
        fs::write(self.directory.path().join("two").join(name).join(file), "x".repeat(name.len()))
    }

    /// From now on a firewall drops what comes to the data ports of the destination.
    pub fn close_data_ports_of_destination(&self) {
        self.world.shared.network.locked().hosts[1].dropped = Dropped::Data;
    }

    /// From now on a firewall drops control connections to the source while it has so many.
    pub fn drop_control_connections_beyond(&self, most: usize) {
        self.world.shared.network.locked().hosts[0].dropped = Dropped::ControlBeyond(most);
    }

    /// How many round trips after the start of the user agent a line of a dialogue was noted.
    pub fn round_trips_until(&self, line: &str) -> f64 {
        let seconds: f64 =
            line.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(f64::MAX);
        seconds / self.round_trip.as_secs_f64()
    }

    /// From now on the files of the first server are copied as those of this host.
    pub const fn send_from_here(&mut self) {
        self.sends = true;
    }

    /// Adds a file of so many bytes at the source.
    ///
    /// # Errors
    ///
    /// The directory in memory cannot be written.
    pub fn add_file(&self, name: &str, bytes: usize) -> io::Result<()> {
        let path = self.directory.path().join("one").join(name);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, Random::new(bytes as u64).bytes(bytes))
    }

    /// Makes the tree of that name at the destination like that at the source. Returns the dialogues with both servers.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    ///
    /// # Panics
    ///
    /// The sync fails.
    pub fn sync(&mut self, name: &str, options: &[&str]) -> io::Result<String> {
        self.run("sync", options, name);
        let status = loop {
            self.world.step_for(SHORTEST);
            if let Some(status) = self.world.ended(self.user) {
                break status;
            }
        };
        assert_eq!(status, 0, "{}", self.world.said(self.user));
        self.trace()
    }

    /// From now on both servers know no more than another one.
    pub fn disguise(&mut self, manners: Manners) {
        for (host, name) in ["one", "two"].into_iter().enumerate() {
            self.world.disguise(HostId(host), manners.disguise(&self.directory.path().join(name)));
        }
    }

    /// Starts a copy or sync of that name.
    fn run(&mut self, verb: &str, options: &[&str], name: &str) {
        let [mut from, to] = ["one", "two"].map(|end| format!("ftp://ann@{end}/{name}"));
        if self.sends {
            from = self.directory.path().join("one").join(name).display().to_string();
        }
        let trace = self.directory.path().join(TRACE);
        let words =
            [verb, "--trust", "new", "--trace", &trace.to_string_lossy(), &from, &to].map(str::to_owned);
        let words: Vec<String> =
            words.into_iter().chain(options.iter().map(|word| (*word).to_owned())).collect();
        let home = self.directory.path().join("home");
        self.world.run(self.user, &words, &home, &[]);
    }

    /// The dialogues of the last run with both servers.
    ///
    /// # Errors
    ///
    /// They cannot be read.
    pub fn trace(&self) -> io::Result<String> {
        fs::read_to_string(self.directory.path().join(TRACE))
    }
}

/// The file of the dialogues.
const TRACE: &str = "trace";

/// The length of the longest file of that name, or of a part of it.
fn longest_file(directory: &Path, name: &str) -> io::Result<u64> {
    let mut longest = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let found = entry.file_name();
        if found.to_string_lossy().ends_with(".part") || found == name {
            longest = longest.max(entry.metadata()?.len());
        }
    }
    Ok(longest)
}

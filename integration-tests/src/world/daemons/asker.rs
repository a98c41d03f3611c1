//! Who asks a daemon over its API, from a host of its own. Nothing of it changes the trees of the jobs.

use super::{DaemonsPlan, Program, Running, root};
use crate::certificate::Certificate;
use crate::sim::random::Random;
use crate::world::network::Stores;
use crate::world::run::{Tree, read_all, write_private};
use crate::world::{HostId, PASSWORD};
use ftp_user::cli::number;
use ftp_user::job::Status;
use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Who asks the first daemon.
pub(super) struct Asker {
    host: HostId,
    home: PathBuf,
    /// With what the daemon is started, so that it can be asked.
    pub(super) listens: Vec<String>,
    /// With what it is asked.
    names_daemon: Vec<String>,
    /// How much of what is planned was typed.
    begun: usize,
    /// Since when the last of it runs.
    runs: Option<Duration>,
    /// The id of a job or a series that it was told last.
    id: String,
    /// The token that it has made.
    token: String,
}

impl Running<'_> {
    /// Prepares what is asked, if the plan has something.
    pub(super) fn start_asker(&mut self) -> io::Result<()> {
        if self.plan.asked.is_empty() {
            return Ok(());
        }
        let host = self.world.host("asker");
        self.world.set_stores(host, Stores::Shared);
        let home = self.directory.join("asker");
        fs::create_dir(&home)?;
        let address = self.world.address(self.daemons[0].host);
        let certificate = Certificate::of(address);
        let [cert, key, token] = ["cert", "key", "token"].map(|name| home.join(name).display().to_string());
        write_private(cert.as_ref(), &certificate.pem)?;
        write_private(key.as_ref(), &certificate.key_pem)?;
        let at = format!("{address}:8990");
        let listens = ["--listen", &at, "--tls-cert", &cert, "--tls-key", &key];
        let (url, pin) = (format!("https://{at}"), certificate.fingerprint());
        let names_daemon = ["--daemon", &url, "--token-file", &token, "--daemon-pin", &pin];
        self.asker = Some(Asker {
            host,
            home,
            listens: listens.map(str::to_owned).to_vec(),
            names_daemon: names_daemon.map(str::to_owned).to_vec(),
            begun: 0,
            runs: None,
            id: "0".repeat(16),
            token: String::new(),
        });
        Ok(())
    }

    /// Whether all that is planned was asked.
    pub(super) fn has_asked_all(&self) -> bool {
        self.asker.as_ref().is_none_or(|asker| asker.runs.is_none() && asker.begun == self.plan.asked.len())
    }

    /// Asks what is asked next, or sees how it has ended. What goes on for long is ended.
    pub(super) fn asker_goes_on(&mut self) {
        let now = self.world.now();
        let Some(asker) = &mut self.asker else { return };
        let Some(since) = asker.runs else { return self.ask_next() };
        if let Some(status) = self.world.ended(asker.host) {
            asker.runs = None;
            self.asker_ended(status);
        } else if now > since + PATIENCE {
            self.world.kill(asker.host);
            asker.runs = None;
        }
    }

    fn ask_next(&mut self) {
        let now = self.world.now();
        let Some(asker) = &mut self.asker else { return };
        let Some(asked) = self.plan.asked.get(asker.begun) else { return };
        (asker.begun, asker.runs) = (asker.begun + 1, Some(now));
        let words = asked.replace("{one}", ONE).replace("{asked}", ASKED).replace("{id}", &asker.id);
        let (host, home) = (asker.host, asker.home.clone());
        if let Some(words) = words.strip_prefix("{store} ") {
            let words = self.with_store(&words.split(' ').collect::<Vec<_>>());
            self.world.run(host, &words, &home, &[]);
        } else {
            let words = words.split(' ').map(str::to_owned);
            let words: Vec<String> = words.chain(asker.names_daemon.iter().cloned()).collect();
            self.world.run_without_state(host, &words, &home);
        }
        self.tell(&format!("asker: {asked}"));
    }

    fn asker_ended(&mut self, status: u8) {
        let plan = self.plan;
        let Some(asker) = &mut self.asker else { return };
        let said = self.world.said(asker.host);
        let asked = plan.asked.get(asker.begun - 1).map_or("", AsRef::as_ref);
        let is_id = |word: &&str| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(id) = said.split(|letter: char| !letter.is_alphanumeric()).rfind(is_id) {
            asker.id = id.to_owned();
        }
        let mut wrong = Vec::new();
        if asked == MAKES_TOKEN {
            asker.token = said.lines().next_back().unwrap_or_default().trim().to_owned();
            write_private(&asker.home.join("token"), &asker.token).expect("the directory can be written");
        } else if said.contains(PASSWORD) || (!asker.token.is_empty() && said.contains(&asker.token)) {
            wrong.push(format!("a secret is printed: {said}"));
        }
        if !Status::all().any(|known| number(known) == status) {
            wrong.push(format!("{status} is no exit status: {asked}"));
        }
        let stored = self.asked_files();
        let waited = asked.split("{asked}").nth(1).filter(|_| status == 0 && asked.contains("--wait"));
        if waited.is_some_and(|name| !stored.contains_key(name)) {
            wrong.push(format!("it says that it has done {asked}, and has not"));
        }
        let told: Vec<&str> = said.lines().filter(|line| line.starts_with("ftp-user:")).collect();
        self.tell(&format!("asker: status {status}: {}", told.join("\n")));
        wrong.iter().for_each(|wrong| self.violation(wrong));
        self.look_at_asked();
    }

    /// What was stored for the asker under final names.
    fn asked_files(&self) -> Tree {
        let mut files = Tree::new();
        read_all(&root(&self.directory, Program::Destination).join("asked"), "", &mut files);
        files.retain(|name, _| !name.starts_with('.') && !name.contains("/."));
        files
    }

    /// Whatever was stored for the asker is whole under its final name.
    pub(super) fn look_at_asked(&mut self) {
        let sources = self.plan.jobs.iter().flat_map(|job| job.source.values());
        let versions: Vec<Vec<u8>> = sources.map(|content| content.bytes()).collect();
        let wrong = self.asked_files().into_iter().filter(|(_, found)| !versions.contains(found));
        let wrong: Vec<String> = wrong.map(|(name, _)| format!("asked/{name} is no whole file")).collect();
        wrong.iter().for_each(|wrong| self.violation(wrong));
    }
}

/// What is asked in the plan of a seed.
pub(super) fn asked(plan: &DaemonsPlan) -> Vec<Cow<'static, str>> {
    // A stream of its own, so that the rest is as it was without it.
    let random = &mut Random::new(plan.seed ^ 0x0000_a5ce);
    if random.once_in(2) {
        return Vec::new();
    }
    let names: Vec<&String> = plan.jobs.iter().take(1).flat_map(|job| job.source.keys()).collect();
    let mut asked = vec![Cow::Borrowed(MAKES_TOKEN)];
    for _ in 0..1 + random.below(5) {
        let name = names[random.length(names.len() - 1)];
        let chosen = TABLE[random.length(TABLE.len() - 1)].replace("{file}", &format!("{{one}}{name}"));
        asked.extend(chosen.split("; ").map(|words| Cow::Owned(words.to_owned())));
    }
    asked
}

/// What may be asked, several command lines one after the other. `{one}` is the source of the first job, `{file}` is a file in it, and
/// `{asked}` is a directory of the destination that no job has. `{id}` is the id that was told last. What begins with `{store}` is typed
/// at the store, and nothing is asked of the daemon.
const TABLE: [&str; 21] = [
    "jobs; jobs --all --json",
    "copy --queue {file} {asked}a; why {id}; jobs; why --json {id}",
    "copy --queue --wait {file} {asked}waited; why {id}",
    "copy --queue --wait --json -r {one} {asked}tree/",
    "copy --queue --at=+1h --priority=3 {file} {asked}later; pause {id}; resume {id}; cancel {id}; retry {id}",
    "copy --queue --id=mine {file} {asked}mine; copy --queue --id=mine {file} {asked}mine; why mine; cancel mine",
    "copy --queue --every=15m {file} {asked}every; series; series show {id}; series pause {id}; why {id}; cancel {id}; series resume {id}; series remove {id}",
    "sync --queue --every=daily@02:30 {one} {asked}daily; series list --json; series show {id}; series remove {id}; series remove {id}",
    "copy --queue {file} {asked}b; cancel {id}; retry {id}; resume {id}",
    "copy --queue --wait {one}none {asked}none; retry {id}; why {id}",
    "copy {file} {asked}x; retry --yes {id}; cancel --forget {id}; resume",
    "jobs --follow",
    "jobs --follow --json",
    "why none; pause none; cancel none; retry none; resume none; series show none; series remove",
    "copy --queue ftp://ann:other@one/x {asked}x; copy --queue {file} ./here",
    "{store} copy --queue --wait {file} {asked}local; {store} why {id}; {store} jobs --all",
    "{store} copy --queue {file} {asked}c; {store} pause {id}; {store} resume {id}; {store} retry {id}; {store} cancel {id}",
    "{store} jobs --follow",
    "{store} jobs --follow --json; {store} daemon token --list",
    "why last; cancel last; pause last",
    "series; copy --queue --limit=20KB {file} {asked}slow; pause {id}; jobs; resume {id}; why {id}",
];
/// The first of what is asked: it makes the token with which the rest is asked.
const MAKES_TOKEN: &str = "{store} daemon token --scope=admin --name=asker";
/// The source of the first job, and a directory that no job has.
const ONE: &str = "ftp://ann@one/job0/";
const ASKED: &str = "ftp://ann@two/asked/";
/// How long something that is asked may take.
const PATIENCE: Duration = Duration::from_secs(120);

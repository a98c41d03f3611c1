//! The recipes of the book: the commands of each page are read from it and run, with addresses of this machine in place
//! of the names of hosts.
//!
//! Of a page, the blocks marked `sh` are run in their order, in one directory. A line that starts a server, a relay, a
//! hub or an agent goes on running, and the next line waits until it is ready. The lines of blocks marked `crontab` are run
//! as cron runs them. Blocks marked `text` have the commands of other programs, or what a program prints: they are not run. What
//! `from-one-terminal.md` says is printed is compared with what was printed.

mod cron;

use crate::accounts;
use integration_tests::binary::{Program, Running};
use integration_tests::site::{PASSWORD, Server, Site, USER};
use integration_tests::socket::until;
use rustix::process::Signal;
use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A page that is run.
struct Recipe {
    page: &'static str,
    home: TempDir,
    /// What stands in the page, and what is typed instead.
    instead: Vec<(String, String)>,
    running: Vec<Running>,
    /// What the lines that end by themselves have printed.
    printed: RefCell<String>,
}

impl Recipe {
    fn new(page: &'static str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for program in [Program::User, Program::Server, Program::RelayAgent] {
            let path = program.path();
            symlink(&path, bin.join(path.file_name().unwrap())).unwrap();
        }
        fs::create_dir(home.path().join("desk")).unwrap();
        Self { page, home, instead: Vec::new(), running: Vec::new(), printed: RefCell::default() }
    }

    /// With another text where the page has this one.
    fn instead_of(mut self, text: &str, other: impl Into<String>) -> Self {
        self.instead.push((text.to_owned(), other.into()));
        self
    }

    /// With a server for the user and host of the page; its password is in `~/.netrc`.
    fn server(self, login: &str, server: &Server) -> Self {
        let netrc = self.file(".netrc");
        let known = fs::read_to_string(&netrc).unwrap_or_default();
        let line = format!("machine {} login {USER} password {PASSWORD}\n", server.ip());
        self.put(".netrc", &(known + &line));
        let address = server.url("").split('@').nth(1).unwrap().trim_end_matches('/').to_owned();
        self.instead_of(login, format!("{USER}@{address}"))
    }

    /// A path in the home directory.
    fn file(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    /// Writes a file of the home directory that only its owner may read.
    fn put(&self, path: &str, text: &str) {
        let path = self.file(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// What the page says.
    fn text(&self) -> String {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs").join(self.page);
        fs::read_to_string(path).unwrap()
    }

    /// Runs the page.
    fn run(mut self) -> Self {
        let text = self.text();
        for (from, _) in &self.instead {
            assert!(text.contains(from), "{}: {from} is not in it", self.page);
        }
        let blocks = blocks(&text, "sh");
        assert!(!blocks.is_empty(), "{} has nothing to run", self.page);
        for block in blocks {
            let block = self.here(block);
            let mut typed = Vec::new();
            for line in block.lines() {
                if goes_on(line) {
                    self.types(&typed.drain(..).collect::<String>());
                    self.starts(line);
                } else {
                    typed.push(format!("{line}\n"));
                }
            }
            self.types(&typed.concat());
        }
        self
    }

    /// A block of the page with what stands in its place here.
    fn here(&self, block: &str) -> String {
        let replaced = |block: String, (from, to): &(String, String)| block.replace(from, to);
        self.instead.iter().fold(block.to_owned(), replaced)
    }

    /// Types lines that end by themselves.
    fn types(&self, lines: &str) {
        if lines.trim().is_empty() {
            return;
        }
        let output = self.shell(&format!("set -eu\n{lines}")).output().unwrap();
        let (said, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{}: {}\n{lines}{said}{errors}", self.page, output.status);
        self.printed.borrow_mut().push_str(&format!("{said}{errors}"));
        if lines.contains("systemctl reload") {
            let service = self.running.last().unwrap();
            service.signal(Signal::HUP);
            until("the settings were read again", || service.said().contains("the settings were read again"));
        }
    }

    /// Types a line that goes on, and waits until it is ready.
    fn starts(&mut self, line: &str) {
        let mut command = self.shell(&format!("exec {line}"));
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut running = Running::start(line, command);
        let ready = running.line().unwrap_or_else(|| panic!("{line}\n{}", running.said()));
        assert!(ready.starts_with("listening on ") || ready.starts_with("joined "), "{line}: {ready}");
        self.running.push(running);
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Program::User.command_at(Path::new("/bin/sh"));
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(["-c", script]).current_dir(self.file("desk")).env("HOME", self.home.path());
        command.env("PATH", format!("{}:{path}", self.file("bin").display()));
        command.env_remove("STATE_DIRECTORY");
        command
    }

    /// A file that the page has made.
    fn made(&self, path: &str) -> String {
        let path = self.file("desk").join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {}: {error}", self.page, path.display()))
    }
}

/// Whether a line of a page is this printed line: other numbers, ids and times, and something else in the place of `...`.
fn is_shown_as(printed: &str, shown: &str) -> bool {
    let printed: Vec<&str> = printed.split_whitespace().collect();
    let shown: Vec<&str> = shown.split_whitespace().collect();
    let is_alike = |(shown, printed): (&&str, &&str)| {
        let is_around = |(start, end): (&str, &str)| printed.starts_with(start) && printed.ends_with(end);
        let kind = kind_of_word(shown);
        shown == printed
            || shown.split_once("...").is_some_and(is_around)
            || (kind.is_some() && kind == kind_of_word(printed))
    };
    printed.len() == shown.len() && shown.iter().zip(&printed).all(is_alike)
}

/// What a word is that differs with each run.
fn kind_of_word(word: &str) -> Option<&'static str> {
    if word.len() >= 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some("id");
    }
    if word.ends_with("B/s),") {
        return Some("rate");
    }
    let number = word.trim_start_matches('(');
    number.starts_with(|first: char| first.is_ascii_digit()).then_some("number or time")
}

/// The blocks of a page that are marked so.
fn blocks<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    let begin = format!("\n```{mark}\n");
    let rest = text.split(&begin).skip(1);
    rest.map(|rest| rest.split("\n```").next().unwrap_or_default()).collect()
}

/// Whether the program of a line serves until it is stopped.
fn goes_on(line: &str) -> bool {
    [
        "ftp-server --",
        "ftp-user daemon --listen ",
        "ftp-relay-agent run ",
        "ftp-relay-agent hub ",
        "ftp-relay-agent join ",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}

/// An address of this machine that no other run of the tests has: the first, second or third one.
fn own_address(which: u8) -> String {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    format!("127.{}.{middle}.{low}", which * 64 + (high & 63))
}

/// Two servers of the page, the first one with files.
fn pair(name: &str, files: &[(&str, &str)]) -> (Server, Server) {
    let mut one = Site::new(&format!("{name}-one"));
    for (path, text) in files {
        one = one.file(path, text);
    }
    (one.start(), Site::new(&format!("{name}-two")).at("127.0.0.3").start())
}

/// What a server has under a path.
fn stored(server: &Server, path: &str) -> String {
    fs::read_to_string(server.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn first_transfer() {
    // Only this run has the address, so the port can be that of the page.
    let (one, two) = (own_address(1), own_address(2));
    let recipe = Recipe::new("guide/first-transfer.md")
        .instead_of("127.0.0.2:2121", format!("{one}:2121"))
        .instead_of("127.0.0.3:2121", format!("{two}:2121"))
        .run();
    assert_eq!(recipe.made("two/photos/a.jpg"), "a picture\n");
    assert_eq!(recipe.made("two/first.jpg"), "a picture\n");
}

#[test]
fn from_one_terminal_to_one_machine() {
    let (one, two) = pair("team", &[("photos/a.jpg", "a picture\n"), ("photos/b.jpg", "another one\n")]);
    // Only this run has the address, so the port can be that of the page.
    let recipe = Recipe::new("guide/from-one-terminal.md")
        .server("ann@one.example", &one)
        .server("bob@two.example", &two)
        .instead_of("127.0.0.1:8990", format!("{}:8990", own_address(3)));
    symlink("/bin/true", recipe.file("bin/systemctl")).unwrap();
    let recipe = recipe.run();
    for path in ["photos/a.jpg", "evening/b.jpg", "shared/a.jpg"] {
        assert!(two.path(path).exists(), "{path}");
    }
    let printed: String = recipe.running.iter().map(Running::said).collect();
    let printed = printed + &recipe.printed.borrow();
    let page = recipe.text();
    for shown in blocks(&page, "text").into_iter().flat_map(str::lines) {
        let shown = recipe.here(shown);
        assert!(printed.lines().any(|line| is_shown_as(line, &shown)), "not printed: {shown}\n{printed}");
    }
}

#[test]
fn migrate_a_site() {
    let (old, new) = pair("migrate", &[("pub/a.txt", "a"), ("pub/deep/b.txt", "b")]);
    let recipe = Recipe::new("recipes/migrate-a-site.md")
        .server("ann@old.example", &old)
        .server("ann@new.example", &new)
        .run();
    assert_eq!((stored(&new, "pub/a.txt"), stored(&new, "pub/deep/b.txt")), ("a".into(), "b".into()));
    let proof = recipe.made("proof.json");
    assert!(proof.lines().last().unwrap().contains("\"ok\":true"), "{proof}");
    assert_eq!(recipe.made("receipt.json").matches("\"event\":\"receipt\"").count(), 2);
}

#[test]
fn every_night() {
    let (lab, backup) = pair("night", &[("photos/a.jpg", "a"), ("photos/b.jpg", "b")]);
    let recipe = Recipe::new("recipes/nightly.md")
        .server("ann@lab.example", &lab)
        .server("bob@backup.example", &backup)
        .run();
    assert_eq!(stored(&backup, "photos/a.jpg"), "a");
    let text = recipe.text();
    let entries: Vec<_> = blocks(&text, "crontab").into_iter().flat_map(cron::entries).collect();
    let mut kept = 0;
    for entry in &entries {
        let keeps = entry.command.contains("--backup-dir");
        let run = || {
            let output = entry.run(recipe.home.path(), &recipe.file("bin"));
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(output.status.success() && said.is_empty(), "{}: {said}", entry.command);
        };
        if entry.command.contains("--id") {
            nights(&recipe, (&lab, &backup), run);
            continue;
        }
        run();
        if keeps {
            fs::remove_file(lab.path("photos/b.jpg")).unwrap();
        }
        run();
        if keeps {
            let days: Vec<_> =
                fs::read_dir(backup.path("old")).unwrap().map(|day| day.unwrap().file_name()).collect();
            let [day] = days.as_slice() else { panic!("{days:?}") };
            let day = day.to_str().unwrap();
            let is_date = day.len() == 10 && day.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
            assert!(is_date, "{day}");
            assert_eq!(stored(&backup, &format!("old/{day}/b.jpg")), "b");
            kept += 1;
        }
    }
    let by_night = entries.iter().filter(|entry| entry.command.contains("--id")).count();
    assert_eq!((entries.len(), kept, by_night), (3, 1, 1), "{entries:?}");
    drop(recipe);
}

/// The entry that copies each night to a directory of its own, and is run several times a night.
fn nights(recipe: &Recipe, (lab, backup): (&Server, &Server), run: impl Fn()) {
    let date = recipe.file("bin/date");
    let it_is = |night: &str| {
        fs::write(&date, format!("#!/bin/sh\n[ \"$*\" = +%F ] && echo {night}\n")).unwrap();
        fs::set_permissions(&date, fs::Permissions::from_mode(0o700)).unwrap();
    };
    it_is("2031-01-02");
    run();
    assert_eq!(stored(backup, "photos-2031-01-02/a.jpg"), "a");
    // What comes after the copy of a night is for the next one.
    fs::write(lab.path("photos/c.jpg"), "c").unwrap();
    run();
    assert!(!backup.path("photos-2031-01-02/c.jpg").exists(), "a night that is done is not copied again");
    it_is("2031-01-03");
    run();
    assert_eq!(
        (stored(backup, "photos-2031-01-03/a.jpg"), stored(backup, "photos-2031-01-03/c.jpg")),
        ("a".into(), "c".into())
    );
}

#[test]
fn two_hosts_behind_nat() {
    let (zurich, oslo) = pair("nat", &[("a.bin", "content")]);
    let hub = format!("{}:2443", own_address(3));
    let address =
        |server: &Server| server.url("").split('@').nth(1).unwrap().trim_end_matches('/').to_owned();
    let recipe = Recipe::new("recipes/two-hosts-behind-nat.md")
        .server("ann@192.0.2.7", &zurich)
        .server("ann@192.0.2.8", &oslo)
        .instead_of("198.51.100.7:443", hub)
        .instead_of("--allow 192.0.2.7", format!("--allow {}", address(&zurich)))
        .instead_of("--allow 192.0.2.8", format!("--allow {}", address(&oslo)))
        .instead_of("40000-40999", "1024-65535")
        .run();
    assert_eq!(stored(&oslo, "a.bin"), "content");
    drop(recipe);
}

#[test]
fn tls_everywhere() {
    let site = |name, ip| Site::new(name).at(ip).args(["--require-tls"]);
    let one = site("tls-one", "127.0.0.2").tls().file("data/a.bin", "secret").start();
    let two = site("tls-two", "127.0.0.3").tls().start();
    let mut recipe = Recipe::new("recipes/tls-everywhere.md")
        .server("ann@one.example", &one)
        .server("ann@two.example", &two)
        .instead_of(&format!("SHA256:{}", "a1".repeat(32)), one.pin())
        .instead_of(&format!("SHA256:{}", "b2".repeat(32)), two.pin())
        .run();
    assert_eq!((stored(&two, "data/a.bin"), stored(&two, "again.bin")), ("secret".into(), "secret".into()));
    let copy = recipe.made("copy.json");
    assert!(copy.contains("\"path\":\"direct\""), "{copy}");
    // A server starts with the file that the page shows. Only its directory, its port and its hash are others.
    let page = recipe.text();
    let shown = page.split("\n```toml\n").nth(1).unwrap().split("\n```").next().unwrap();
    let mut file = format!("listen = [\"127.0.0.1:0\"]\n{shown}\n");
    for (from, to) in
        [("/srv/ftp", "root"), ("$argon2id$v=19$m=19456,t=2,p=1$...", &accounts::hash(PASSWORD))]
    {
        assert!(file.contains(from), "{from} is not in\n{file}");
        file = file.replace(from, to);
    }
    recipe.put("desk/server.toml", &file);
    fs::create_dir(recipe.file("desk/root")).unwrap();
    recipe.types("ftp-server check-config server.toml");
    recipe.starts("ftp-server --config server.toml --state state");
}

/// Files that the pages about other programs name.
const FILES: [(&str, &str); 6] = [
    ("a.dat", "a"),
    ("b.dat", "b"),
    ("run7/b.dat", "b"),
    ("pub/a.txt", "text"),
    ("pub/x.tmp", "x"),
    ("pub/docs/d.txt", "document"),
];

#[test]
fn instead_of_lftp() {
    let (one, two) = pair("lftp", &FILES);
    let recipe = Recipe::new("recipes/instead-of-lftp.md");
    let line = |name: &str, server: &Server| format!("{name}\t{}\n", server.url(""));
    recipe.put(".local/share/lftp/bookmarks", &(line("one", &one) + &line("two", &two)));
    let recipe = recipe.run();
    assert_eq!(recipe.made("docs/d.txt"), "document");
    assert_eq!(stored(&two, "incoming/d.txt"), "document");
    assert_eq!(stored(&two, "pub/docs/d.txt"), "document");
    assert_eq!(recipe.made("text/a.txt"), "text");
    assert_eq!(recipe.made("pub/docs/d.txt"), "document");
}

#[test]
fn instead_of_rclone() {
    let (one, two) = pair("rclone", &FILES);
    let recipe = Recipe::new("recipes/instead-of-rclone.md");
    let remote = |name: &str, server: &Server| {
        let address = server.address(ftp_proto::dialect::Dialect::Rfc959);
        format!("[{name}]\ntype = ftp\nhost = {}\nport = {}\nuser = {USER}\n\n", address.ip(), address.port())
    };
    recipe.put(".config/rclone/rclone.conf", &(remote("one", &one) + &remote("two", &two)));
    let login = |server: &Server| format!("machine {} login {USER} password {PASSWORD}\n", server.ip());
    recipe.put(".netrc", &(login(&one) + &login(&two)));
    let recipe = recipe.run();
    assert_eq!(stored(&two, "pub/docs/d.txt"), "document");
    assert!(two.path("filtered/a.txt").exists() && !two.path("filtered/x.tmp").exists());
    assert!(!two.path("b.txt").exists());
    assert_eq!(stored(&two, "mirror/docs/d.txt"), "document");
    drop(recipe);
}

#[test]
fn instead_of_globus_url_copy_and_fts() {
    for (page, stored) in [
        (
            "recipes/instead-of-globus-url-copy.md",
            ["a.dat", "archive/run7/b.dat", "list/a.dat", "list/b.dat"],
        ),
        ("recipes/instead-of-fts.md", ["a.dat", "bulk/a.dat", "bulk/b.dat", "far.dat"]),
    ] {
        let (one, two) = pair("far", &FILES);
        let recipe = Recipe::new(page).server("ann@one.example", &one).server("bob@two.example", &two).run();
        for path in stored {
            assert!(two.path(path).exists(), "{page}: {path}");
        }
        drop(recipe);
    }
}

#[test]
fn every_recipe_is_run() {
    let tests = include_str!("recipes.rs");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/recipes");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(tests.contains(&format!("\"recipes/{name}\"")), "no test runs docs/recipes/{name}");
    }
}

#[test]
fn only_blocks_for_a_shell_are_run() {
    let page = "a\n```sh\nls\ncd x\n```\n```text\nlftp\n```\n```sh\npwd\n```\n";
    assert_eq!(blocks(page, "sh"), ["ls\ncd x", "pwd"]);
    assert_eq!(blocks(page, "text"), ["lftp"]);
    assert!(goes_on("ftp-server --root x") && !goes_on("ftp-server hash-password"));
    assert!(goes_on("ftp-user daemon --listen x") && !goes_on("ftp-user daemon token --list"));
    let line = "copied 2 files, 22 B in 0.0 s (477 B/s), direct";
    assert!(is_shown_as(line, "copied 2 files, 22 B in 1.2 s (0.4 KiB/s), direct"));
    assert!(is_shown_as("unix:/state/x.sock (api)", "unix:.../x.sock (api)"));
    assert!(!is_shown_as(line, "copied 2 files, 22 B in 1.2 s (477 B/s), relay"));
    assert!(
        is_shown_as("263bbcb303b477ee done", "d73bbcb303b477ee done") && !is_shown_as("a done", "b done")
    );
    assert!(goes_on("ftp-relay-agent join h:1 --name x") && !goes_on("ftp-relay-agent token"));
}

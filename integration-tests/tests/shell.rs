//! The shell: scripts with real servers, and a person at a pseudo-terminal.

use integration_tests::foreign::Skipped;
use integration_tests::or_skip;
use integration_tests::site::{PASSWORD, Server, Site, sample};
use integration_tests::socket::{free_port, until};
use integration_tests::terminal::Person;
use integration_tests::user::{Run, User, user};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// A server with these files, each of which holds its own name.
fn site(name: &str, files: &[&str]) -> Server {
    files.iter().fold(Site::new(name), |site, file| site.file(file, file)).start()
}

/// Settings in which these servers have these names.
fn settings(sites: &[(&str, &Server)]) -> String {
    let one = |(name, server): &(&str, &Server)| {
        let url = server.url("");
        let (login, place) = url.rsplit_once('@').unwrap();
        let url = format!("{}@{place}", login.rsplit_once(':').unwrap().0);
        format!("[sites.{name}]\nurl = \"{url}\"\npassword-file = \"pw\"\n")
    };
    sites.iter().map(one).collect()
}

/// A run of a script with these settings.
fn script(settings: &str, options: &[&str], lines: &str) -> User {
    let user = user().private_file("config.toml", settings).private_file("pw", PASSWORD);
    let user = user.file("script", lines).args(["--config", "config.toml", "--retries", "0"]);
    user.args(["shell", "--file", "script"]).args(options)
}

fn run(settings: &str, lines: &str) -> Run {
    script(settings, &[], lines).run()
}

#[test]
fn h26_rsexec_lines_copy_and_append_between_two_sites() {
    let (lab, home) = (site("lab", &["pub/a", "pub/b"]), site("home", &["d/x"]));
    let settings = settings(&[("lab", &lab), ("home", &home)]);
    let lines = "# from RFC 438\n\
        COPY (FILE) lab:pub/a (TO FILE) home:d/y\n\
        APPEND (FILE) lab:pub/b (TO FILE) home:d/y\n\
        cd lab:pub; \n";
    run(&settings, lines).exits(2).says("script:4: column 11: ; has no meaning here");
    assert_eq!(home.bytes("d/y"), b"pub/apub/b");
    let lines =
        "cd [lab]pub\npwd\nls\nCAT (FILE) a\ncopy a b home:d/\nrm b\ncd ../\npwd\ncd\nlpwd\nquit\nls none:";
    let run = run(&settings, lines).exits(0).says("pub/a").says("copied 2 files").never_says("none");
    let said = |line: &str| run.stdout.iter().any(|said| said == line);
    assert!(["lab:pub", "a", "b", "lab:"].into_iter().all(said), "{run}");
    assert_eq!(home.names(), ["d/", "d/a", "d/b", "d/x", "d/y"], "{run}");
    assert_eq!(lab.names(), ["pub/", "pub/a"], "{run}");
}

#[test]
fn a_script_ends_with_the_code_of_the_line_that_fails() {
    let lab = site("lab", &["a"]);
    let settings = settings(&[("lab", &lab)]);
    let lines = "ls lab:\nls lab:none\nls lab:a\n";
    run(&settings, lines).exits(3).says("script:2: this line has failed with status 3");
    script(&settings, &["--keep-going"], lines).run().exits(9).says("script:2:");
    // Behind a cd that fails, names would mean other places.
    for cd in ["cd lab:none", "cd lab: lab:", "lcd none", "cdd lab:"] {
        let run = script(&settings, &["--keep-going"], &format!("ls lab:\n{cd}\nls lab:a\n")).run();
        run.exits(9).says("script:2:");
    }
    script(&settings, &["--keep-going"], "cd lab:none\nls lab:\n").run().exits(3);
    // A name that no component has is a failure of its verb.
    let lines = "composite add data lab:\ncd data:\ncat none\ncat none &\ncat a\n";
    let run_on = script(&settings, &["--keep-going"], lines).run().exits(9);
    let run_on = run_on.says("script:3: this line has failed").says("script:4: this line has failed");
    assert_eq!(run_on.stdout, ["a"], "{run_on}");
    run(&settings, lines).exits(3).says("script:3: this line has failed with status 3");
    run(&settings, "ls 'lab:\n").exits(2).says("script:1: column 4: this quote is not closed");
    run(&settings, "m lab:a lab:b\n").exits(2).says("short for several verbs: mkdir, move, mv");
    run(&settings, "cd lab:none\n").exits(3).says("script:1: lab:none does not exist");
    run(&settings, "cd lab\n").exits(3).says("the site lab is lab:");
    run(&settings, "cd lab:a\n").exits(2).says("lab:a is not a directory");
    run(&settings, "ls lap:\n").exits(2).says("did you mean lab?");
    run(&settings, "ls --lnog lab:\n").exits(2).says("--lnog");
    run(&settings, "shell\n").exits(2).says("there is no verb shell");
}

#[test]
fn the_current_directory_and_what_contains_it_are_not_deleted() {
    let lab = site("lab", &["k/a/b/f"]);
    let settings = settings(&[("lab", &lab)]);
    for (directory, line) in [
        ("k/a/b", "rm -ry .."),
        ("k", "rm -r -y ."),
        ("k/a", "rm -ry lab:k"),
        ("k/a", "mv ../a ../z"),
        ("k/a", "move ../a []z"),
        ("k/a", "move . []z"),
        // Other names of the same directory.
        ("k/a/b", "rm -ry ../*"),
        ("k/a/b", "rm -ry /k"),
        ("k/a/b", "rm -ry lab:/[a-z]"),
    ] {
        run(&settings, &format!("cd lab:{directory}\n{line}\n")).exits(2).says("script:2:");
        assert_eq!(lab.names(), ["k/", "k/a/", "k/a/b/", "k/a/b/f"], "{line}");
    }
}

#[test]
fn names_of_this_host_and_those_of_the_current_directory_do_not_meet() {
    let lab = site("lab", &["d/f", "d/lab:f"]);
    let settings = settings(&[("lab", &lab)]);
    let lines = "cd lab:d\ncopy f []got\ncopy []got ./back\ncopy ./lab%3Af this-host:colon\ncopy f []in/x\nlcd in\ncopy [lab]d/f []y\n";
    let run = script(&settings, &[], lines).run().exits(0);
    assert_eq!((run.bytes("got"), run.bytes("colon")), (b"d/f".to_vec(), b"d/lab:f".to_vec()), "{run}");
    assert_eq!(run.bytes("in/y"), b"d/f", "{run}");
    assert_eq!(lab.names(), ["d/", "d/back", "d/f", "d/lab:f"], "{run}");
}

#[test]
fn ls_and_hash_call_files_as_they_are_typed_in_the_current_directory() {
    let (lab, home) = (site("lab", &["pub/a", "x"]), site("home", &["pub/a"]));
    let settings = settings(&[("lab", &lab), ("home", &home)]);
    let run = run(&settings, "cd lab:pub\nls *\nls ../x\nhash a\nhash lab:pub/a home:pub/a\n").exits(0);
    let names: Vec<_> = run.stdout.iter().filter_map(|line| line.split_whitespace().last()).collect();
    assert_eq!(names, ["a", "lab:x", "a", "lab:pub/a", "home:pub/a"], "{run}");
}

#[test]
fn a_new_name_in_the_current_directory_that_is_that_of_a_site_is_warned_about() {
    let (lab, home) = (site("lab", &["pub/a"]), site("home", &[]));
    let settings = settings(&[("lab", &lab), ("home", &home)]);
    let warning = "warning: home is also a site: home: names it";
    let run = run(&settings, "cd lab:pub\ncopy a home\n").exits(0).says(warning);
    assert_eq!(lab.names(), ["pub/", "pub/a", "pub/home"], "{run}");
    script(&settings, &[], "cd lab:pub\ncopy a home\ncopy a b\n").run().never_says("is also a site");
}

#[test]
fn h27_h28_a_name_is_looked_up_in_the_components_of_a_composite_directory() {
    let lab = site("lab", &["pub/one", "pub/both", "pub/sub/l"]);
    let home = site("home", &["d/two", "d/both", "d/sub/h"]);
    let settings = settings(&[("lab", &lab), ("home", &home)]);
    let begin = "composite add data lab:pub home:d\ncd data:\n";
    let with = |lines: &str| run(&settings, &format!("{begin}{lines}"));
    with("where one\nwhere two\ncat two\n").exits(0).says("lab:pub/one").says("home:d/two");
    with("cat both\n").exits(2).says("is in several components: lab:pub/both, home:d/both");
    with("rm both\n").exits(2).says("name one of them");
    with("where both\n").exits(0).says("lab:pub/both").says("home:d/both");
    with("cat none\n").exits(3).says("none is in no component");
    // A site that is named is asked alone.
    with("cat [home]d/both\n").exits(0).says("d/both");
    let union = with("ls\nls sub\n").exits(0);
    for name in ["one", "two", "l", "h"] {
        assert!(union.stdout.iter().any(|line| line == name), "{name}: {union}");
    }
    let times = |name: &str| union.stdout.iter().filter(|line| *line == name).count();
    let told = ["sub", "both", "lab:pub/both", "home:d/both"].map(times);
    assert_eq!(told, [1, 0, 1, 1], "{union}");
    let tree = with("tree\n").exits(0);
    let drawn: Vec<&str> = tree.stdout.iter().take(8).map(String::as_str).collect();
    let expect = [
        "lab:pub/, home:d/",
        "├── lab:pub/both",
        "├── home:d/both",
        "├── one",
        "├── sub/",
        "│   ├── h",
        "│   └── l",
        "└── two",
    ];
    assert_eq!(drawn, expect, "{tree}");
    let json = with("tree --json sub\n").exits(0);
    let both =
        json.stdout.iter().filter(|line| line.contains("\"name\":\"h\"") || line.contains("\"name\":\"l\""));
    assert_eq!(both.count(), 2, "{json}");
    // A new name stays beside the old one.
    with("mv two sub/three\nwhere sub/three\nmv sub/three two\nwhere two\n")
        .exits(0)
        .says("home:d/sub/three");
    with("copy [lab]pub/one new\n").exits(2).says("each of them could get it");
    with("copy one sub2/new\n").exits(2);
    with("copy one two\n").exits(0);
    assert_eq!(home.bytes("d/two"), b"pub/one");
    // What was remembered is looked at again: the name has moved meanwhile.
    let (from, to, new) = (home.url("d/two"), home.url("d/gone"), lab.url("pub/two"));
    let lines = format!("where two\nmv {from} {to}\ncopy [lab]pub/one {new}\ncat two\nwhere two\n");
    let run = with(&lines).exits(0);
    let places: Vec<&str> =
        run.stdout.iter().map(String::as_str).filter(|line| line.ends_with("/two")).collect();
    assert!(places.last().is_some_and(|place| place.ends_with("lab:pub/two")), "{run}");
}

#[test]
fn cd_goes_back_and_above_the_directory_of_a_site() {
    let lab = site("lab", &["pub/d/a"]);
    let settings = settings(&[("lab", &lab)]);
    let run = run(&settings, "cd lab:pub\ncd d\ncd lab:..\npwd\ncd -\ncd -\ncd\ncd -\n").exits(0);
    assert_eq!(run.stdout, ["lab:/", "lab:pub/d", "lab:/", "lab:/"], "{run}");
    let failed = script(&settings, &[], "cd -\n").run();
    failed.exits(2).says("the shell was in no other directory");
}

#[test]
fn a_job_in_the_background_that_fails_names_its_line() {
    let lab = site("lab", &["a"]);
    let settings = settings(&[("lab", &lab)]);
    let run = run(&settings, "ls lab:\ncopy lab:none copied &\nls lab:\n").exits(3);
    run.says("script:2: [1] failed copy lab:none copied");
    let waits = script(&settings, &["--keep-going"], "copy lab:none copied &\nwait\nwait 7\nls lab:\n").run();
    let waits = waits.exits(9).says("script:1: [1] failed copy lab:none copied").says("is called 7");
    assert_eq!(
        waits.stdout.last().map(String::as_str),
        Some("a"),
        "a wait that fails changes nothing: {waits}"
    );
}

#[test]
fn a_job_that_fails_while_another_one_is_waited_for_fails_the_script() {
    let lab = Site::new("lab").file("big", sample(400_000)).start();
    let settings = settings(&[("lab", &lab)]);
    let lines = "copy lab:none copied &\ncopy --limit 1MB lab:big big &\nwait 2\nls lab:\n";
    let run = run(&settings, lines).exits(3);
    run.says("script:1: [1] failed copy lab:none copied");
}

#[test]
fn h27_a_component_may_be_a_directory_of_this_host() {
    let lab = site("lab", &["pub/one", "pub/both"]);
    let settings = settings(&[("lab", &lab)]);
    let with = |lines: &str| {
        let begin = "composite add data lab:pub []\ncd data:\n";
        let user = script(&settings, &[], &format!("{begin}{lines}"));
        user.file("here", "of this host").file("both", "too").run()
    };
    let run = with("ls\ncat here\nstat here\nls []\n").exits(0).says("of this host");
    for name in ["one", "here"] {
        assert!(run.stdout.iter().any(|line| line == name), "{name}: {run}");
    }
    // A candidate is shown as it can be typed.
    let run = with("cat both\n").exits(2).says("lab:pub/both, []/");
    let said = run.said.clone();
    let place = said.split("lab:pub/both, ").nth(1).unwrap().split(';').next().unwrap().trim();
    assert!(place.ends_with("/both"), "{run}");
    with(&format!("cat []both\ncomposite list data\nwhere {place}\n")).exits(0).says("too");
}

#[test]
fn a_component_whose_site_does_not_answer_is_left_out_of_what_is_read_and_forbids_changes() {
    let lab = site("lab", &["a"]);
    let mut settings = settings(&[("lab", &lab)]);
    let port = free_port("127.0.0.1");
    settings
        .push_str(&format!("[sites.dead]\nurl = \"ftp://ann@127.0.0.1:{port}/\"\npassword-file = \"pw\"\n"));
    let begin = "composite add data dead: lab:\ncd data:\n";
    let with = |lines: &str| run(&settings, &format!("{begin}{lines}"));
    with("cat a\n").exits(0).says("warning: not looked at: dead:a");
    with("rm a\n").exits(5).says("dead:a could not be looked at");
    assert_eq!(lab.names(), ["a"]);
    with("cat none\n").exits(5).says("in no component that answers");
    // It has not answered a moment ago, so it is not asked again.
    with("cat a\nrm a\n").exits(5).says("dead:a could not be looked at");
    with("status\n").exits(0).says("known for completion");
}

#[test]
fn a_job_in_the_background_is_interrupted_with_its_shell_and_goes_on_later() {
    let lab = Site::new("lab").file("big", sample(200_000)).start();
    let home = site("home", &["x"]);
    let settings = settings(&[("lab", &lab), ("home", &home)]);
    let state = tempfile::tempdir().unwrap();
    let kept = state.path().join("kept").display().to_string();
    let lines = "copy --limit 2KB lab:big home: &\nls lab:\nwait\n";
    let started = script(&settings, &["--state", &kept], lines).start();
    until("the copy has begun", || home.names().len() > 1);
    started.end_with(Signal::TERM).exits(10).says("[1]").says("interrupted");
    let again = user().private_file("config.toml", &settings).private_file("pw", PASSWORD);
    let again = again.args(["--config", "config.toml", "--state", &kept]);
    again.args(["jobs"]).run().exits(0).says("interrupted");
    let again = user().private_file("config.toml", &settings).private_file("pw", PASSWORD);
    again.args(["--config", "config.toml", "--state", &kept, "cancel", "last"]).run().exits(0);
    assert_eq!(home.names(), ["x"]);
    // In the shell what runs does not scroll away behind what has ended.
    let jobs = |line: &str| script(&settings, &["--state", &kept], line).run().exits(0);
    jobs("jobs\n").says("1 job that has ended is not listed; jobs --all lists it").never_says("cancelled");
    jobs("jobs --all\n").says("cancelled").never_says("not listed");
    jobs("jobs --json\n").says("cancelled");
}

#[test]
fn a_state_directory_of_the_environment_stays_where_it_was_when_the_shell_began() {
    let lab = site("lab", &["a"]);
    let lines = "mkdir below\nlcd below\ncopy lab:a b\n";
    let user = script(&settings(&[("lab", &lab)]), &[], lines);
    let run = user.environment("FTP_USER_STATE", "kept").run().exits(0);
    let is_there = |name: &str| run.home().join(name).exists();
    assert_eq!([is_there("kept"), is_there("below/kept")], [true, false], "{run}");
}

#[test]
fn cancel_of_what_runs_in_the_background_says_how_to_end_it() {
    let lab = Site::new("lab").file("big", sample(200_000)).start();
    let home = site("home", &["x"]);
    let settings = settings(&[("lab", &lab), ("home", &home)]);
    let started = script(&settings, &[], "copy --limit 2KB lab:big home: &\ncancel 1\n").start();
    started.wait_for("[1] runs in the background of this shell; fg 1 and Ctrl-C interrupt it");
    started.end_with(Signal::TERM);
}

/// A person at the shell who types nothing before the shell waits for it: a terminal whose mode changes may forget keys.
struct Typist {
    person: Person,
    home: TempDir,
    lines: usize,
}

impl Typist {
    /// With settings in which these servers have these names.
    fn start(sites: &[(&str, &Server)]) -> Result<Self, Skipped> {
        let home = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        };
        write("config.toml", &settings(sites));
        write("pw", PASSWORD);
        let person = Person::start(home.path(), "--config config.toml --state state --retries 0 shell")?;
        Ok(Self { person, home, lines: 0 })
    }

    /// Types these keys when the shell waits for a line; they end it.
    fn types(&mut self, keys: &str) {
        self.lines += 1;
        // The editor says at the begin of each line that it knows what is pasted.
        self.person.sees("\u{1b}[?2004h", self.lines);
        self.person.types(keys);
    }

    /// Waits until these words have been shown.
    fn sees(&self, words: &str) {
        self.person.sees(words, 1);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn tab_completes_from_what_is_known_and_lines_are_remembered() {
    let lab = site("lab", &["pub/readme", "pub/other"]);
    let mut shell = or_skip!(Typist::start(&[("lab", &lab)]));
    shell.types("lpwd\r");
    shell.types("cd la\tpub\r");
    // The directory is listed in the background.
    let mut asked = 0;
    until("the names are known", || {
        asked += 1;
        shell.types("status\r");
        shell.person.sees("known for completion", asked);
        shell.person.screen().contains("known for completion: 1 directory")
    });
    shell.sees("lab:pub> ");
    shell.types("cat rea\t\r");
    shell.sees("pub/readme");
    shell.types("ls ftp://ann:s3cret@127.0.0.1:1/\r");
    shell.sees("127.0.0.1:1: ");
    // The arrow key finds the last line that was kept.
    shell.types("\u{1b}[A\r");
    shell.person.sees("pub/readme", 2);
    shell.types("history\r");
    shell.sees("  history");
    shell.types("\u{4}");
    let Typist { person, home, .. } = shell;
    assert_eq!(person.end(), Some(0));
    let kept = home.path().join("state/shell-history.json");
    let lines = fs::read_to_string(&kept).unwrap();
    assert!(lines.contains("cat readme") && lines.contains("cd lab:pub"), "{lines}");
    assert!(!lines.contains("s3cret"), "{lines}");
    assert_eq!(mode(&kept), 0o600);
}

#[test]
fn what_ls_and_tree_have_shown_is_completed_without_another_listing() {
    let lab = site("lab", &["pub/readme", "deep/er/report"]);
    let mut shell = or_skip!(Typist::start(&[("lab", &lab)]));
    shell.types("ls lab:pub\r");
    shell.types("cat lab:pub/rea\t\r");
    shell.sees("lab:pub/readme");
    shell.types("tree lab:deep\r");
    shell.types("cat lab:deep/er/rep\t\r");
    shell.sees("lab:deep/er/report");
    shell.types("quit\r");
    let Typist { person, home, .. } = shell;
    assert_eq!(person.end(), Some(0));
    let kept = fs::read_to_string(home.path().join("state/shell-listings.txt")).unwrap();
    assert!(kept.contains("lab:deep/er"), "{kept}");
}

#[test]
fn a_question_that_was_interrupted_takes_no_key_of_the_next_line() {
    let lab = site("lab", &["seen"]);
    let mut shell = or_skip!(Typist::start(&[("lab", &lab)]));
    let url = lab.url("");
    let (login, place) = url.rsplit_once('@').unwrap();
    shell.types(&format!("ls {}@{place}\r", login.rsplit_once(':').unwrap().0));
    shell.sees("Password of");
    shell.person.types("\u{3}");
    shell.types("ls lab:\r");
    shell.sees("\nseen");
    shell.types("quit\r");
    assert_eq!(shell.person.end(), Some(0));
    assert!(shell.home.path().join("state").is_dir());
}

#[test]
fn cd_asks_for_a_password_once() {
    let lab = site("lab", &["pub/seen"]);
    let mut shell = or_skip!(Typist::start(&[]));
    let url = lab.url("pub");
    let (login, place) = url.rsplit_once('@').unwrap();
    shell.types(&format!("cd {}@{place}\r", login.rsplit_once(':').unwrap().0));
    shell.sees("Password of");
    shell.person.types(&format!("{PASSWORD}\r"));
    shell.sees("pub> ");
    shell.types("ls\r");
    shell.sees("\nseen");
    shell.types("quit\r");
    assert_eq!(shell.person.end(), Some(0));
}

#[test]
fn a_shell_that_is_left_shows_what_its_jobs_have_said_and_ends_as_they_do() {
    let lab = Site::new("lab").file("big", sample(200_000)).start();
    let home = site("home", &["x"]);
    let mut shell = or_skip!(Typist::start(&[("lab", &lab), ("home", &home)]));
    shell.types("copy --limit 2KB lab:big home: &\r");
    until("the copy has begun", || home.names().len() > 1);
    shell.types("quit\r");
    shell.sees("in the background: 1 job");
    shell.types("quit\r");
    shell.sees("interrupted");
    shell.sees("[1] failed copy");
    assert_eq!(shell.person.end(), Some(10));
}

#[test]
fn a_shell_is_not_left_while_the_failure_of_a_job_is_unseen() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut shell = or_skip!(Typist::start(&[]));
    shell.types(&format!("ls ftp://ann:x@{}/ &\r", listener.local_addr().unwrap()));
    let (connection, _) = listener.accept().unwrap();
    // The next line is waited for, so no prompt shows the failure.
    shell.person.sees("\u{1b}[?2004h", 2);
    drop(connection);
    shell.types("quit\r");
    // If it has not ended yet, it runs.
    shell.sees("quit again");
    shell.types("quit\r");
    shell.sees("[1] failed ls");
    assert!(shell.person.end().is_some());
}

#[test]
fn h33_ctrl_c_ends_the_command_and_not_the_shell() {
    let lab = Site::new("lab").file("big", sample(200_000)).start();
    let home = site("home", &["x"]);
    let mut shell = or_skip!(Typist::start(&[("lab", &lab), ("home", &home)]));
    shell.types("copy --limit 2KB lab:big home:\r");
    until("the copy has begun", || home.names().len() > 1);
    shell.person.types("\u{3}");
    shell.sees("interrupted");
    shell.types("ls lab:\r");
    shell.sees("\nbig");
    // A line that is given up is not carried out.
    shell.types("rm home:x\u{3}");
    shell.types("copy lab:big home:copied\r");
    shell.sees("copied 1 file");
    assert!(home.names().contains(&"x".to_owned()));
    shell.types("quit\r");
    assert_eq!(shell.person.end(), Some(0));
}

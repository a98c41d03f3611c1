//! Commands that messages name: each is taken out of the output as it is printed, typed into a shell, and works. Above each test
//! are the commands with arguments that it types; the tests of the tree find those that no test types.
//! One is typed by `network::advice`, at a host that the test makes:
//! `run --listen {at} --token-file FILE --allow SERVER`

use ftp_proto::dialect::Dialect;
use ftp_proto::relay::token::Token;
use integration_tests::binary::{Program, Running};
use integration_tests::foreign::own_address;
use integration_tests::hub::Hub;
use integration_tests::site::{PASSWORD, Server, Site, sample};
use integration_tests::socket::until;
use integration_tests::tls_peer::{Sends, TlsPeer};
use integration_tests::user::{Run, User, user};
use std::ffi::OsStr;
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A run whose state and settings have names with blanks, and that has the password of the servers.
fn start() -> User {
    start_below("")
}

/// The same in a directory from which this leads to its home.
fn start_below(up: &str) -> User {
    let netrc = format!("default login ann password {PASSWORD}\n");
    let user = user().private_file("my sites.toml", "").private_file(".netrc", netrc);
    user.args(["--state", &format!("{up}my state"), "--config", &format!("{up}my sites.toml")])
}

/// The same in the directory of an earlier run.
fn again(run: &Run) -> User {
    user().environment("HOME", run.home().to_str().unwrap()).here(run.home()).args([
        "--state",
        "my state",
        "--config",
        "my sites.toml",
    ])
}

/// Types a command into a shell whose user has that home; it works. Returns what it says.
fn typed(home: &Path, command: &str) -> String {
    let ended = shell("sh", home, command).output().unwrap();
    let said = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
    assert!(ended.status.success(), "{command}: {}: {said}", ended.status);
    said
}

/// A shell that is given a command, and finds the programs.
fn shell(name: &str, home: &Path, command: &str) -> Command {
    let programs = Program::User.path().parent().unwrap().to_owned();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new(name);
    shell.args(["-c", command]).current_dir(home).env("HOME", home).env("PATH", path);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// The command that a run names before these words works as printed.
fn works(run: &Run, after: &str) -> String {
    typed(run.home(), named("ftp-user ", &run.said, after))
}

/// A server at an address of its own: it starts again at its port, which no other test may have taken meanwhile.
fn target() -> Server {
    Site::new("target").at(&own_address().to_string()).start()
}

fn until_a_part_has_arrived(to: &Server) {
    until("a part has arrived", || {
        to.names().iter().any(|name| fs::metadata(to.path(name)).is_ok_and(|part| part.len() > 100_000))
    });
}

/// A copy that was interrupted while its file was under way.
fn interrupted(to: &Server, words: &[&str]) -> Run {
    let run = start().file("big.bin", sample(3_000_000)).args(words).args(["--limit", "500KB", "big.bin"]);
    let run = run.args([to.url("b.bin")]).start();
    until_a_part_has_arrived(to);
    run.interrupt();
    run.end()
}

/// `resume {job} goes on`
#[test]
fn the_command_that_goes_on_after_an_interruption_works() {
    let to = target();
    let run = interrupted(&to, &["copy"]).exits(10);
    works(&run, " goes on");
    assert_eq!(to.bytes("b.bin"), sample(3_000_000));
}

#[test]
fn the_shell_takes_the_command_as_it_was_printed() {
    let to = target();
    let run = interrupted(&to, &["copy"]).exits(10);
    let line = format!("{}\nhelp options\n", named("ftp-user ", &run.said, " goes on"));
    fs::write(run.home().join("lines"), line).unwrap();
    let shell = again(&run).args(["shell", "--file", "lines"]).run().exits(0);
    drop(shell.says("--state"));
    assert_eq!(to.bytes("b.bin"), sample(3_000_000));
}

#[test]
fn the_shell_and_its_messages_keep_to_the_state_that_was_named_wherever_the_shell_goes() {
    let run = start().args(["copy", "x", "ftp://127.0.0.3:1/"]).run().fails();
    fs::create_dir(run.home().join("sub")).unwrap();
    fs::write(run.home().join("lines"), "lcd sub\ncancel 0123456789abcdef\n").unwrap();
    let shell = again(&run).args(["shell", "--file", "lines"]).run().exits(3);
    typed(&run.home().join("sub"), named("ftp-user ", &shell.said, " lists them"));
}

/// `cancel --forget {id} gives the job up without its server`
#[test]
fn the_commands_that_wait_for_a_job_or_give_it_up_without_its_server_work() {
    let to = target();
    let run = interrupted(&to, &["copy"]).exits(10);
    let job = named("ftp-user ", &run.said, " goes on").rsplit(' ').next().unwrap().to_owned();
    drop(to);
    let cancel = again(&run).args(["--timeout", "5s", "cancel", &job]).run().fails();
    typed(run.home(), named("ftp-user ", &cancel.said, " gives the job up"));
    let none = again(&run).args(["cancel", "0123456789abcdef"]).run().exits(3);
    typed(run.home(), named("ftp-user ", &none.said, " lists them"));
}

#[test]
fn what_a_forgotten_job_has_left_is_deleted_by_the_name_that_is_printed() {
    let to = target();
    let run = start().args(["sites", "add", "two", &to.url("")]).run().exits(0);
    fs::write(run.home().join("big.bin"), sample(3_000_000)).unwrap();
    let words = ["copy", "--limit", "500KB", "big.bin", "two:b.bin"];
    let copy = again(&run).args(words).start();
    until_a_part_has_arrived(&to);
    copy.interrupt();
    drop(copy.end().exits(10));
    let forgotten = again(&run).args(["cancel", "--forget", "last"]).run().exits(0);
    let (_, name) = forgotten.said.split_once("nobody has removed ").unwrap();
    let (name, _) = name.split_once(": delete it").unwrap();
    assert!(name.starts_with("two:."), "{name}");
    typed(run.home(), &format!("ftp-user --state 'my state' --config 'my sites.toml' rm {name}"));
    assert_eq!(to.names(), Vec::<String>::new());
}

/// `retry {job} begins again`
#[test]
fn the_command_that_begins_again_what_was_interrupted_at_its_beginning_works() {
    let mut to = target();
    to.die();
    let listener = TcpListener::bind(to.address(Dialect::Rfc959)).unwrap();
    let run = start().file("b.bin", "b").args(["copy", "b.bin", &to.url("b.bin")]).start();
    let greets_nobody = listener.accept().unwrap();
    run.interrupt();
    let run = run.end().exits(10);
    drop((greets_nobody, listener));
    to.start_again();
    works(&run, " begins again");
    assert_eq!(to.bytes("b.bin"), b"b");
}

/// `cancel {id} gives this one up`
#[test]
fn the_command_that_gives_a_job_up_whose_directory_is_gone_works() {
    let to = target();
    let run = start_below("../").args(["copy", "--limit", "500KB", "big.bin", &to.url("b.bin")]);
    let here = run.home().join("here");
    fs::create_dir(&here).unwrap();
    fs::write(here.join("big.bin"), sample(3_000_000)).unwrap();
    let run = run.here(&here).start();
    until_a_part_has_arrived(&to);
    run.interrupt();
    let run = run.end().exits(10);
    fs::remove_dir_all(&here).unwrap();
    let resume = again(&run).args(["resume", "last"]).run().fails();
    typed(run.home(), named("ftp-user ", &resume.said, " gives this one up"));
    assert_eq!(to.names(), Vec::<String>::new());
}

/// `cancel --forget {id} gives the job up`
#[test]
fn the_command_that_forgets_a_job_whose_list_is_gone_works() {
    let to = target();
    let list = format!("big.bin\t{}\n", to.url("b.bin"));
    let run = start().file("list", list).file("big.bin", sample(3_000_000));
    let run = run.args(["copy", "--limit", "500KB", "--from-file", "list"]).start();
    until_a_part_has_arrived(&to);
    run.interrupt();
    let run = run.end().exits(10);
    fs::remove_file(run.home().join("list")).unwrap();
    let resume = again(&run).args(["resume", "last"]).run().fails();
    typed(run.home(), named("ftp-user ", &resume.said, " gives the job up"));
    again(&run).args(["resume", "last"]).run().exits(2).says("cancelled");
}

/// `retry {id} carries it once more`
/// `resume {id} continues it`
#[test]
fn the_commands_that_carry_a_cancelled_job_of_the_queue_once_more_or_continue_a_paused_one_work() {
    for (first, refused, after) in
        [("cancel", "pause", " carries it once more"), ("pause", "retry", " continues it")]
    {
        let to = target();
        let place = to.url("b.bin").replace(&format!(":{}", PASSWORD.replace(':', "%3A")), "");
        let run = start().file("b.bin", "b").args(["copy", "--queue", "b.bin", &place]).run().exits(0);
        again(&run).args([first, "last"]).run().exits(0);
        let refused = again(&run).args([refused, "last"]).run().exits(2);
        typed(run.home(), named("ftp-user ", &refused.said, after));
        let listed = again(&run).args(["jobs", "--json"]).run().exits(0);
        assert_eq!(listed.events("job")[0]["state"], "queued", "{listed}");
    }
}

/// `retry {job} goes on`
/// `cancel {job} removes what is left of files under way`
#[test]
fn the_commands_that_go_on_after_a_lost_server_or_give_the_job_up_work() {
    for after in [" goes on, and ftp-user", " removes what is left"] {
        let mut to = target();
        let run =
            start().file("b.bin", sample(3_000_000)).args(["copy", "--retries", "0", "--limit", "500KB"]);
        let run = run.args(["b.bin", &to.url("b.bin")]).start();
        until_a_part_has_arrived(&to);
        to.die();
        let run = run.end().exits(5);
        to.start_again();
        works(&run, after);
        let expect = if after.contains("goes on") { vec!["b.bin"] } else { Vec::new() };
        assert_eq!(to.names(), expect, "{run}");
    }
}

/// `retry {job} tries again what has failed`
#[test]
fn the_command_that_tries_again_what_has_failed_works() {
    let to = Site::new("target").at("127.0.0.3").directory("t/b").start();
    let run = start();
    fs::create_dir(run.home().join("t")).unwrap();
    let run = run.file("t/a", "a").file("t/b", "b").args(["copy", "-r", "t/", &to.url("t")]).run().exits(9);
    fs::remove_dir(to.path("t/b")).unwrap();
    works(&run, " tries again what has failed");
    assert_eq!(to.bytes("t/b"), b"b");
}

#[test]
fn a_job_whose_server_was_never_reached_has_begun_nothing_however_often_it_is_tried() {
    let mut to = target();
    to.die();
    let run = start().file("b.bin", "b").args(["copy", "--retries", "0", "b.bin", &to.url("b.bin")]).run();
    let run = run.exits(5).says(" tries again what has failed");
    let retry = || again(&run).args(["retry", "last"]).run().exits(5).never_says("goes on");
    drop((retry(), retry()));
    let retried = retry();
    drop(again(&run).args(["jobs"]).run().exits(0).says(" failed "));
    drop(again(&run).args(["resume"]).run().exits(0));
    to.start_again();
    typed(run.home(), named("ftp-user ", &retried.said, " tries again what has failed"));
    assert_eq!(to.bytes("b.bin"), b"b");
}

#[test]
fn a_cause_that_lasts_is_named_with_the_command_that_works_after_it_is_removed() {
    let from = Site::new("source").file("t/a", "a").file("t/with\rreturn", "b").start();
    let to = target();
    let run = start().args(["copy", "-r", &from.url("t"), &to.url("")]).run().exits(9);
    // ~/.netrc has the passwords of the URLs.
    let run = run.says("remove the cause, then ftp-user").never_says("write the passwords");
    fs::rename(from.path("t/with\rreturn"), from.path("t/without")).unwrap();
    works(&run, " tries again what has failed");
    let second =
        again(&run).args(["copy", &from.url("t/a"), &from.url("later"), &to.url("t/")]).run().exits(9);
    fs::write(from.path("later"), "c").unwrap();
    typed(run.home(), named("ftp-user ", &second.said, " tries again what has failed"));
    assert_eq!(to.names(), ["t/", "t/a", "t/later", "t/without"]);
}

#[test]
fn what_only_another_command_cures_offers_no_retry() {
    let from = Site::new("source").file("t/a", "a").file("t/b/c", "c").start();
    let to = target();
    let run = start().args(["copy", &from.url("t/*"), &to.url("")]).run().exits(9);
    assert!(run.said.contains("-r takes directories") && !run.said.contains("retry"), "{run}");
    let never = again(&run).args(["copy", "--overwrite", "never", &from.url("t/a"), &to.url("")]).run();
    never.exits(8).says("--overwrite always replaces it").never_says("retry");
    let run = again(&run).args(["copy", "-r", &from.url("t/*"), &to.url("")]).run().exits(0);
    assert_eq!(to.names(), ["a", "b/", "b/c"], "{run}");
}

#[test]
fn the_passwords_that_a_job_lacks_are_told_at_once_and_the_command_works_with_them() {
    let from = Site::new("source").file("t/a", "a").file("t/with\rreturn", "b").start();
    let to = target();
    let run = user().args(["copy", "-r", &from.url("t"), &to.url("")]).run().exits(9);
    fs::rename(from.path("t/with\rreturn"), from.path("t/without")).unwrap();
    let command = named("ftp-user ", &run.said, " tries again what has failed");
    let ended = shell("sh", run.home(), command).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(
        said.contains("write the passwords into ~/.netrc (no journal has them), then ftp-user retry "),
        "{said}"
    );
    let (_, lines) = said.split_once("a line into ~/.netrc for each server: ").unwrap();
    let lines = lines.lines().next().unwrap();
    let lines: Vec<String> = lines.split(", ").map(|line| line.replace("...", PASSWORD)).collect();
    assert_eq!(lines.len(), 2, "{said}");
    fs::write(run.home().join(".netrc"), lines.join("\n")).unwrap();
    fs::set_permissions(run.home().join(".netrc"), fs::Permissions::from_mode(0o600)).unwrap();
    typed(run.home(), command);
    assert_eq!(to.names(), ["t/", "t/a", "t/without"]);
}

/// `retry {job} --yes`
#[test]
fn the_command_that_deletes_what_was_kept_works() {
    let to =
        (0..30).fold(Site::new("target").at("127.0.0.3"), |to, number| to.file(&format!("t/{number}"), "x"));
    let to = to.start();
    let site = format!("ftp://ann@{}/", to.address(Dialect::Rfc959));
    let run = start().args(["sites", "add", "two", &site]).run().exits(0);
    fs::create_dir(run.home().join("t")).unwrap();
    fs::write(run.home().join("t/a"), "a").unwrap();
    let sync = again(&run).args(["sync", "--delete", "t/", "two:t"]).run().exits(9);
    let jobs = again(&run).args(["jobs"]).run().exits(0);
    jobs.says("    (not deleted: 30 names that the source lacks, because they");
    // What the words of the job mean is known, whatever else has these names later.
    again(&run).args(["sites", "add", "t", &site]).run().exits(0);
    fs::write(run.home().join("two:t"), "").unwrap();
    typed(run.home(), named("ftp-user ", &sync.said, " deletes them"));
    assert_eq!(to.names(), ["t/", "t/a"]);
}

/// `sites edit {name} --pin {fingerprint}`
/// `sites forget {}`
#[test]
fn the_commands_that_accept_or_forget_a_certificate_work() {
    let peer = TlsPeer::start("127.0.0.2", Sends::InOrder, b"hello");
    let run = start().args(["sites", "add", "two", &peer.clear_url("")]).run().exits(0);
    let ls = |place: &str| again(&run).args(["ls", place]).run();
    drop(ls("two:").exits(0));
    let show = || peer.show(&integration_tests::certificate::Certificate::of(peer.address().ip()));
    show();
    let changed = ls("two:").exits(11);
    typed(run.home(), named("ftp-user ", &changed.said, " accepts it"));
    drop(ls("two:").exits(0));
    drop(ls(&peer.clear_url("")));
    show();
    let changed = ls(&peer.clear_url("")).exits(11);
    typed(run.home(), named("ftp-user ", &changed.said, " forgets the old one"));
    drop(ls(&peer.clear_url("")).exits(0));
}

/// `sites edit {name} --help tells how to change it`
#[test]
fn the_commands_about_sites_work() {
    let run = start().args(["ls", "one:"]).run().exits(2);
    let help = typed(run.home(), named("ftp-user ", &run.said, " shows how to add one;"));
    let example = help.lines().map(str::trim).find(|line| line.starts_with("ftp-user sites add")).unwrap();
    typed(run.home(), example);
    again(&run).args(["sites", "add", "two", "ftp://ann@127.0.0.3/"]).run().exits(0);
    let twice = again(&run).args(["sites", "add", "two", "ftp://ann@127.0.0.3/"]).run().exits(2);
    assert!(typed(run.home(), named("ftp-user ", &twice.said, " tells how")).contains("--password-command"));
    let unknown = again(&run).args(["ls", "elsewhere:"]).run().exits(2);
    assert!(typed(run.home(), named("ftp-user ", &unknown.said, " shows them")).contains("two"), "{unknown}");
}

#[test]
fn the_commands_that_explain_work() {
    let (from, to) = (Site::new("source").file("a", "a").start(), target());
    let run = start().args(["copy", &from.url("a"), &to.url("b")]).run().exits(0);
    let none = again(&run).args(["why", "0123456789abcdef"]).run().exits(3);
    typed(run.home(), named("ftp-user ", &none.said, " lists jobs"));
    let wrong = again(&run).args(["copy", "--nonsense"]).run().exits(2);
    let help = wrong.said.lines().find_map(|line| line.split_once("see ftp-user ")).unwrap();
    typed(run.home(), &format!("ftp-user {}", help.1));
}

/// `resume {job} waits for its end`
/// `cancel {job} ends it`
#[test]
fn the_commands_of_a_transfer_that_goes_on_by_itself_work() {
    // At 1 MB a second each lasts longer than the commands that are typed meanwhile take to start.
    for (after, size) in
        [(" waits for its end, ftp-user", 10_000_000), (" ends it", 60_000_000), ("", 3_000_000)]
    {
        let from = Site::new("source").file("a.bin", sample(size)).start();
        let to = target();
        let words = ["copy", "--detach", "--limit", "1MB"];
        let run = start().args(words).args([from.url("a.bin"), to.url("b.bin")]).run();
        if after.is_empty() {
            let why = again(&run).args(["why"]).run().exits(0);
            drop(why.says("waits for ftp-user --state 'my state' --config 'my sites.toml' resume"));
            works(&run, " waits for its end, verifies it");
        } else {
            let other = again(&run).args(["copy", &from.url("a.bin"), &to.url("b.bin")]).run().exits(8);
            typed(run.home(), named("ftp-user ", &other.said, after));
        }
        let is_whole = to.names() == ["b.bin"] && to.bytes("b.bin") == sample(size);
        assert_eq!(is_whole, after != " ends it", "{run}");
    }
}

/// `resume {job} goes on with the first copy`
#[test]
fn the_command_that_goes_on_with_the_job_that_has_made_a_directory_works() {
    let to = target();
    let run = start();
    fs::create_dir(run.home().join("t")).unwrap();
    let run =
        run.file("t/a.bin", sample(3_000_000)).args(["copy", "-r", "--limit", "500KB", "t", &to.url("t")]);
    let run = run.start();
    until("a part has arrived", || to.names().iter().any(|name| name.contains(".ftp-user.")));
    run.interrupt();
    let run = run.end().exits(10);
    fs::write(run.home().join("t/a.bin"), sample(3_000_000)).unwrap();
    let other = again(&run).args(["copy", "-r", "t", &to.url("t")]).run().exits(0);
    typed(run.home(), named("ftp-user ", &other.said, " goes on with the first copy"));
    assert_eq!(to.bytes("t/a.bin"), sample(3_000_000));
}

/// `token --for-agent {group}`
/// `token --for-agent {name}`
#[test]
fn the_commands_that_make_the_token_of_an_agent_work() {
    let hub = Hub::start("127.0.0.2");
    let join = |token: &Path| hub.try_to_join_with(hub.address, token, "zurich", "127.0.0.3", &["127.0.0.3"]);
    let make = |said: &str, after: &str| {
        let token = typed(hub.directory(), named("ftp-relay-agent ", said, after));
        Token::parse(token.trim()).unwrap()
    };
    let shared = join(&hub.token_file);
    shared.until_joined(1);
    let own = make(&shared.running.said(), "\n");
    hub.hold(&[hub.token.clone(), own]);
    let refused = join(&hub.token_file);
    refused.running.logs("is not one of an agent");
    make(&refused.running.said(), ") hub=");
}

/// `join {} --name NAME --token-file FILE --allow SERVER`
#[test]
fn the_command_that_joins_a_hub_works() {
    let hub = Hub::start("127.0.0.2");
    let (token, address) = (hub.token_file.to_str().unwrap(), hub.address.to_string());
    let mut check = Program::RelayAgent.command();
    check.args(["check", &address, "--token-file", token]);
    let check = check.output().unwrap();
    let said = String::from_utf8([check.stdout, check.stderr].concat()).unwrap();
    let join = named("ftp-relay-agent join ", &said, "\n").replace("NAME", "zurich");
    let join = join.replace("FILE", token).replace("SERVER", "127.0.0.3");
    let agent = Running::start("agent", shell("sh", hub.directory(), &format!("exec {join}")));
    until("the agent has joined", || agent.said().contains(" joined hub="));
}

#[test]
fn the_commands_that_make_hashes_and_tokens_work() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("users"), "ann:$9$nonsense\n").unwrap();
    fs::set_permissions(home.path().join("users"), fs::Permissions::from_mode(0o600)).unwrap();
    let fails = |program: Program, words: &[&str]| {
        let ended = program.command().args(words).current_dir(home.path()).output().unwrap();
        assert!(!ended.status.success(), "{words:?}");
        String::from_utf8(ended.stderr).unwrap()
    };
    let said = fails(Program::Server, &["--listen", "127.0.0.1:0", "--root", ".", "--users", "users"]);
    let hash =
        typed(home.path(), &format!("printf 'secret\\n' | {}", named("ftp-server ", &said, " prints")));
    assert!(hash.starts_with("$argon2id$"), "{hash}");
    for (program, name) in [(Program::Server, "ftp-server "), (Program::RelayAgent, "ftp-relay-agent ")] {
        let said = fails(program, &["man", "nonsense"]);
        typed(home.path(), named(name, &said, " lists the verbs"));
    }
    let said = fails(Program::User, &["man", "nonsense"]);
    typed(home.path(), named("ftp-user ", &said, " lists the verbs"));
    typed(home.path(), named("ftp-user ", &said, " prints the page"));
}

#[test]
fn commands_name_files_as_a_shell_takes_them() {
    let home = tempfile::tempdir().unwrap();
    let relay = |file: &OsStr| {
        let mut relay = Program::RelayAgent.command();
        relay.args(["run", "--listen", "127.0.0.1:0", "--allow", "127.0.0.2", "--token-file"]).arg(file);
        let ended = relay.current_dir(home.path()).output().unwrap();
        assert!(!ended.status.success(), "{file:?}");
        String::from_utf8(ended.stderr).unwrap()
    };
    for name in [b"relay.token".as_slice(), b"my relay's $(touch x).token", b"relay\xff\n.token"] {
        let (name, file) = (OsStr::from_bytes(name), home.path().join(OsStr::from_bytes(name)));
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        // What is no text has a form that a POSIX shell before 2024 does not know.
        let typed = |command: &str| {
            let ended = shell("bash", home.path(), command).output().unwrap();
            assert!(ended.status.success(), "{command}: {ended:?}");
        };
        typed(named("chmod 600 ", &relay(name), "\n"));
        typed(named("ftp-relay-agent token > ", &relay(name), "; if"));
        assert!(!fs::read(&file).unwrap().is_empty(), "{name:?}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 3);
}

/// The command of a program that a text names, up to these words behind it.
fn named<'a>(program: &str, said: &'a str, after: &str) -> &'a str {
    let commands = said.match_indices(program).filter_map(|(at, _)| {
        said[at..].split(after).next().filter(|command| at + command.len() < said.len())
    });
    commands.last().unwrap_or_else(|| panic!("{program}{after:?}: {said}"))
}

//! A job that meets a quota: the bytes of a day at a relay, or what an account may store at a server. What is there stays,
//! nothing exceeds the quota, and the same job brings the rest when there is room again.

use crate::accounts::user as account;
use integration_tests::foreign::own_address;
use integration_tests::relay::Relay;
use integration_tests::site::{PASSWORD, Server, Site, sample};
use integration_tests::user::{Run, User, user};
use std::fs;
use std::path::Path;

const FILES: [&str; 4] = ["t/a", "t/b", "t/c", "t/d"];

fn bytes_of(name: &str) -> Vec<u8> {
    sample(300_000 + usize::from(name.as_bytes()[2]))
}

fn source(site: Site) -> Server {
    FILES.iter().fold(site, |site, name| site.file(name, bytes_of(name))).start()
}

/// A run with that state directory, which finds these passwords again.
fn job(state: &Path, logins: &[(&Server, &str, &str)]) -> User {
    let user =
        logins.iter().fold(user(), |user, (server, name, password)| user.login(server.ip(), name, password));
    user.args(["--json", "--state", state.to_str().unwrap(), "--timeout", "10s"])
}

/// How many of the files are whole below `top`, and nothing else is there.
fn whole(top: &Path, run: &Run) -> usize {
    let is_whole = |name: &&&str| {
        let copy = top.join(name.trim_start_matches("t/"));
        fs::read(copy).is_ok_and(|bytes| bytes == bytes_of(name))
    };
    let whole = FILES.iter().filter(is_whole).count();
    let names = integration_tests::site::names_below(top);
    let finished = names.iter().filter(|name| !name.ends_with(".ftp-user.part")).count();
    assert_eq!(finished, whole, "{names:?} {run}");
    whole
}

#[test]
fn r33_n8_a_job_that_has_used_up_the_bytes_of_a_day_at_a_relay_goes_on_when_there_are_more() {
    let never = || Site::new("shy").at(&own_address().to_string()).args(["--foreign", "never"]);
    let (from, to) = (source(never()), never().start());
    let policy = |bytes: &str| {
        format!(
            "allow = [\"127.0.0.0/8:1024-65535\"]\n[[identities]]\nname = \"test\"\nbytes-per-day = \"{bytes}\"\n"
        )
    };
    let agent = Relay::new().at(&own_address().to_string()).policy(&policy("700KB")).start();
    let state = tempfile::tempdir().unwrap();
    let logins = [(&from, "ann", PASSWORD), (&to, "ann", PASSWORD)];
    let run = |words: &[&str]| job(state.path(), &logins).args(words).run();
    let state_of_the_job = || run(&["jobs"]).exits(0).events("job")[0]["state"].clone();
    let (relay, token) = (agent.address.to_string(), agent.token_file.to_str().unwrap());
    let relay = ["copy", "-r", "-j", "1", "--path", "relay", "--relay", &relay, "--relay-token-file", token];
    let first = job(state.path(), &logins).args(["--retries", "0"]).args(relay);
    let first = first.args([from.url("t"), to.url("t")]).run().exits(9);
    let first = first.says("limit of bytes was reached");
    assert_eq!(whole(&to.path("t"), &first), 2, "{first}");
    assert_eq!(state_of_the_job(), "interrupted", "{first}");
    // The day is not over yet.
    let early = run(&["--retries", "0", "resume"]).fails();
    assert_eq!((whole(&to.path("t"), &early), state_of_the_job()), (2, "interrupted".into()), "{early}");
    agent.change_policy(&policy("100MB"), "the policy were read again");
    let last = run(&["resume"]).exits(0);
    assert_eq!(whole(&to.path("t"), &last), FILES.len(), "{last}");
    assert_eq!(to.names().len(), FILES.len() + 1, "nothing else is left: {last}");
    assert_eq!(state_of_the_job(), "done", "{last}");
}

#[test]
fn n8_a_job_whose_account_is_full_keeps_what_is_there_and_brings_the_rest_when_there_is_room() {
    let root = tempfile::tempdir().unwrap();
    let limits = format!("root = {:?}\nquota-bytes = 700000", root.path());
    let to = Site::new("full").at("127.0.0.3").config(&account("eve", "s3cret", &limits)).start();
    let from = source(Site::new("source"));
    let state = tempfile::tempdir().unwrap();
    let logins = [(&from, "ann", PASSWORD), (&to, "eve", "s3cret")];
    let run = |words: &[&str]| job(state.path(), &logins).args(words).run();
    let destination = format!("ftp://eve@{}/t", to.address(ftp_proto::dialect::Dialect::Rfc959));
    let first = run(&["copy", "-r", "-j", "1", &from.url("t"), &destination]).exits(9);
    let first = first.says("quota");
    assert_eq!(whole(&root.path().join("t"), &first), 2, "{first}");
    assert_eq!(integration_tests::site::names_below(&root.path().join("t")).len(), 2, "{first}");
    // Whoever stores makes room.
    for name in integration_tests::site::names_below(&root.path().join("t")) {
        run(&["rm", &format!("{destination}/{name}")]).exits(0);
        fs::remove_file(from.path(&format!("t/{name}"))).unwrap();
    }
    let last = run(&["copy", "-r", "-j", "1", &from.url("t/"), &destination]).exits(0);
    assert_eq!(whole(&root.path().join("t"), &last), 2, "{last}");
}

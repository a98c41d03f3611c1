//! TLS with other people's servers: nothing in clear, and every data connection resumes the session of
//! its control connection, which vsftpd and ProFTPD demand.

use integration_tests::beside::each_of;
use integration_tests::foreign::{
    self, Begin, End, Foreign, ForeignServer, Hosts, Kind, Skipped, own_address,
};
use integration_tests::or_skip;
use integration_tests::relay::Relay;
use integration_tests::site::{Site, sample};
use integration_tests::socket;
use integration_tests::user::{Run, User, user};

/// More files than any server gives tickets at once.
const MANY: usize = 12;

/// A run that trusts these servers and nobody else.
fn run(verb: &str, servers: &[&ForeignServer]) -> User {
    let pins = servers.iter().flat_map(|server| ["--pin".to_owned(), server.certificate().fingerprint()]);
    user().args([verb, "--trace", "trace.txt", "--retries", "0", "--timeout", "10s"]).args(pins)
}

/// Everything that there is to see.
fn shown(run: &Run, servers: &[&ForeignServer]) -> String {
    let said: Vec<String> = servers.iter().map(|server| server.said()).collect();
    format!("{run}\n{}\n{}", run.text("trace.txt"), said.join("\n-- another server --\n"))
}

/// Of the dialogue: each control connection has a new session, and each data connection has resumed one.
/// Pure-FTPd keeps no sessions, and demands none.
fn all_resumed(run: &Run, servers: &[&ForeignServer]) {
    let (shown, trace) = (shown(run, servers), run.text("trace.txt"));
    let (logins, data) = (
        trace.matches("> USER").count(),
        ["RETR", "STOR", "MLSD", "LIST"]
            .iter()
            .map(|verb| trace.matches(&format!("> {verb} ")).count())
            .sum::<usize>(),
    );
    let (new, resumed) = (trace.matches(", new session").count(), trace.matches(", resumed").count());
    assert!(data > 0, "{shown}");
    if servers.iter().all(|server| server.kind() != Kind::PureFtpd) {
        assert_eq!((new, resumed), (logins, data), "{shown}");
    } else {
        assert_eq!(new + resumed, logins + data, "{shown}");
    }
}

/// A tree of files with this content.
fn files(server: Foreign, content: &[u8]) -> Foreign {
    (0..MANY).fold(server, |server, n| server.file(&format!("tree/{n}.bin"), content))
}

fn lists(kind: Kind, begin: Begin) -> Result<(), Skipped> {
    let server = Foreign::new(kind).tls(begin).file("a.bin", sample(70_000)).start()?;
    let run = run("ls", &[&server]).args([server.url("")]).run();
    assert_eq!(run.code(), Some(0), "{}", shown(&run, &[&server]));
    assert_eq!(run.stdout, ["a.bin"], "{}", shown(&run, &[&server]));
    if begin == Begin::Explicit {
        all_resumed(&run, &[&server]);
    }
    Ok(())
}

/// Down and up again, many files in one session each.
fn moves(kind: Kind, extra: &str) -> Result<(), Skipped> {
    let content = sample(300_000);
    let server = files(Foreign::new(kind).tls(Begin::Explicit).extra(extra), &content).start()?;
    let down = run("copy", &[&server]).args(["-r", "--json", &server.url("tree"), "."]).run();
    assert_eq!(down.code(), Some(0), "{}", shown(&down, &[&server]));
    for n in 0..MANY {
        assert!(down.bytes(&format!("tree/{n}.bin")) == content, "{n} differs\n{down}");
    }
    assert_eq!(down.summary()["protection"], "private", "{down}");
    all_resumed(&down, &[&server]);
    let up = (0..MANY).fold(run("copy", &[&server]).args(["--json"]), |run, n| {
        run.file(&format!("{n}.up"), &content).args([format!("{n}.up")])
    });
    let up = up.args([server.url("new/")]).run();
    assert_eq!(up.code(), Some(0), "{}", shown(&up, &[&server]));
    for n in 0..MANY {
        assert!(server.bytes(&format!("new/{n}.up")) == content, "{n} differs\n{up}");
    }
    assert_eq!(up.summary()["protection"], "private", "{up}");
    all_resumed(&up, &[&server]);
    Ok(())
}

/// Between two of them through this host, and the ways that would be in clear are left out.
fn passes(from: Kind, to: Kind) -> Result<(), Skipped> {
    let content = sample(1_000_003);
    let source = files(Foreign::new(from).tls(Begin::Explicit), &content).start()?;
    let target = Foreign::new(to).tls(Begin::Explicit).start()?;
    let ends = [&source, &target];
    let run = run("copy", &ends).args(["-r", "--json", &source.url("tree"), &target.url("")]).run();
    assert_eq!(run.code(), Some(0), "{}", shown(&run, &ends));
    assert_eq!(target.names(), source.names(), "{}", shown(&run, &ends));
    for n in 0..MANY {
        assert!(target.bytes(&format!("tree/{n}.bin")) == content, "{n} differs\n{run}");
    }
    let summary = run.summary();
    assert_eq!((&summary["path"], &summary["protection"]), (&"user".into(), &"private".into()), "{run}");
    let seen = run.text("trace.txt");
    assert!(!seen.contains("> PROT C"), "{seen}");
    all_resumed(&run, &ends);
    Ok(())
}

#[test]
fn i02_servers_of_other_people_list_inside_tls() {
    let servers = [
        (Kind::Vsftpd, Begin::Explicit),
        (Kind::Vsftpd, Begin::Implicit),
        (Kind::Proftpd, Begin::Explicit),
        (Kind::Proftpd, Begin::Implicit),
        (Kind::PureFtpd, Begin::Explicit),
    ];
    each_of(&servers, |(kind, begin)| or_skip!(lists(*kind, *begin)));
}

/// One version of TLS alone is enough.
#[test]
fn i02_servers_of_other_people_give_and_take_files_inside_tls() {
    let servers = [
        (Kind::Vsftpd, ""),
        (Kind::Proftpd, ""),
        (Kind::Proftpd, "TLSProtocol TLSv1.2"),
        (Kind::Proftpd, "TLSProtocol TLSv1.3"),
        (Kind::PureFtpd, ""),
    ];
    each_of(&servers, |(kind, extra)| or_skip!(moves(*kind, extra)));
}

#[test]
fn i02_two_servers_that_demand_their_own_sessions_get_files_through_this_host() {
    let pairs = [
        (Kind::Vsftpd, Kind::Vsftpd),
        (Kind::Vsftpd, Kind::Proftpd),
        (Kind::Proftpd, Kind::Vsftpd),
        (Kind::Proftpd, Kind::PureFtpd),
        (Kind::PureFtpd, Kind::Proftpd),
    ];
    each_of(&pairs, |(from, to)| or_skip!(passes(*from, *to)));
}

/// The file that every end of a copy from server to server has.
const FILE: &str = "a.bin";

/// A server of other people and more of its configuration; `None` is one of our own.
type EndKind = Option<(Kind, &'static str)>;

const OURS: EndKind = None;
/// The data connections of these need not resume anything.
const VSFTPD: EndKind = Some((Kind::Vsftpd, "require_ssl_reuse=NO"));
const PROFTPD: EndKind =
    Some((Kind::Proftpd, "TLSOptions NoSessionReuseRequired\nTLSVerifyServer off\nTLSProtocol TLSv1.2"));
const PURE_FTPD: EndKind = Some((Kind::PureFtpd, ""));

/// Starts a server that permits foreign hosts.
fn open_end(kind: EndKind) -> Result<End, Skipped> {
    let Some((kind, extra)) = kind else {
        let open = ["--foreign", "authenticated", "--foreign-networks", "127.0.0.0/8"];
        let site = Site::new("ours").at(&own_address().to_string()).tls().args(open);
        return Ok(End::Ours(Box::new(site.file(FILE, sample(300_000)).start())));
    };
    let server = Foreign::new(kind).foreign(Hosts::Allowed).tls(Begin::Explicit).extra(extra);
    Ok(End::Theirs(Box::new(server.file(FILE, sample(300_000)).start()?)))
}

/// Copies two files, and returns how they have travelled: path and protection.
fn between(from: &End, to: &End) -> (Run, String) {
    let pins = [from, to].into_iter().flat_map(|end| ["--pin".to_owned(), end.pin()]);
    // Who wins a race depends on the machine, too; these tests judge the order.
    let run = user().args(["copy", "--no-race", "--json", "--trace", "trace.txt"]);
    // A vsftpd may end a session after a data connection that it has refused.
    let run = run.args(["--retries", "2", "--timeout", "10s"]);
    let run = run.args(pins).args([from.private_url(FILE), to.private_url("new.bin")]).run();
    let seen = foreign::shown(&run, from, to, "");
    assert_eq!(run.code(), Some(0), "{seen}");
    assert!(to.bytes("new.bin") == sample(300_000), "{seen}");
    assert_eq!(run.summary()["protection"], "private", "{seen}");
    assert!(!run.text("trace.txt").contains("> PROT C"), "{seen}");
    (run, seen)
}

/// Through a relay, in both directions: it carries TLS from end to end.
fn relayed_inside_tls(one: &End, two: &End) {
    let relay = Relay::new().at(&own_address().to_string());
    let agent = [one, two].iter().fold(relay, |relay, end| relay.server(&end.ip().to_string())).start();
    for (from, to) in [(one, two), (two, one)] {
        let pins = [from, to].into_iter().flat_map(|end| ["--pin".to_owned(), end.pin()]);
        let run = user()
            .args(["copy", "--json", "--trace", "trace.txt", "--retries", "0", "--path", "relay"])
            .relay(agent.address, &agent.token_file)
            .args(pins)
            .args([from.private_url(FILE), to.private_url("relayed.bin")])
            .run();
        let seen = foreign::shown(&run, from, to, &agent.running.said());
        assert_eq!(run.code(), Some(0), "{seen}");
        assert!(to.bytes("relayed.bin") == sample(300_000), "{seen}");
        let summary = run.summary();
        let how = (&summary["path"], &summary["protection"]);
        assert_eq!(how, (&"relay".into(), &"private".into()), "{seen}");
        assert!(!run.text("trace.txt").contains("> PROT C"), "{seen}");
    }
}

/// From server to server, in both directions.
fn direct_inside_tls(one: &End, two: &End) {
    for (from, to) in [(one, two), (two, one)] {
        let (run, seen) = between(from, to);
        assert_eq!(run.summary()["path"], "direct", "{seen}");
    }
}

#[test]
fn j02_servers_exchange_files_inside_tls_if_they_demand_no_session_of_their_own() {
    let pairs = [(PROFTPD, VSFTPD), (PROFTPD, PURE_FTPD), (OURS, VSFTPD), (OURS, PURE_FTPD), (OURS, PROFTPD)];
    each_of(&pairs, |(one, two)| direct_inside_tls(&or_skip!(open_end(*one)), &or_skip!(open_end(*two))));
}

/// With TLS 1.3 a ProFTPD that sends as TLS client loses the end of the file.
#[test]
fn j02_two_proftpd_exchange_a_file_inside_tls_at_the_first_attempt() {
    let (run, seen) = between(&or_skip!(open_end(PROFTPD)), &or_skip!(open_end(PROFTPD)));
    assert_eq!(run.summary()["path"], "direct", "{seen}");
    assert_eq!(run.events("file")[0]["attempts"], 1, "{seen}");
}

#[test]
fn j02_a_relay_carries_tls_between_two_servers() {
    let pairs = [(OURS, VSFTPD), (OURS, PURE_FTPD), (PROFTPD, VSFTPD)];
    each_of(&pairs, |(one, two)| relayed_inside_tls(&or_skip!(open_end(*one)), &or_skip!(open_end(*two))));
}

#[test]
fn h17_proftpd_that_demands_its_own_session_becomes_the_tls_client() {
    let proftpd = or_skip!(open_end(Some((Kind::Proftpd, "TLSVerifyServer off"))));
    direct_inside_tls(&or_skip!(open_end(OURS)), &proftpd);
}

#[test]
fn h17_vsftpd_that_demands_its_own_session_gets_files_through_this_host() {
    let (ours, vsftpd) = (or_skip!(open_end(OURS)), or_skip!(open_end(Some((Kind::Vsftpd, "")))));
    for (from, to) in [(&ours, &vsftpd), (&vsftpd, &ours)] {
        let (run, seen) = between(from, to);
        assert_eq!(run.summary()["path"], "user", "{seen}");
        assert!(run.said.contains("session reuse required"), "{seen}");
    }
}

#[test]
fn data_in_clear_between_two_servers_are_said_to_be_and_only_where_they_are_permitted() {
    let content = sample(300_000);
    let relaxed = |server: Foreign| {
        let private = server.foreign(Hosts::Allowed).tls(Begin::Explicit);
        private.extra("force_anon_data_ssl=NO").file("a.bin", &content).file("b.bin", &content).start()
    };
    let (source, target) = (or_skip!(relaxed(Foreign::vsftpd())), or_skip!(relaxed(Foreign::vsftpd())));
    let strict = or_skip!(Foreign::vsftpd().foreign(Hosts::Allowed).tls(Begin::Explicit).start());
    let copy = |to: &ForeignServer, name: &str, options: &[&str]| {
        let run = run("copy", &[&source, to]).args(["--json"]).args(options);
        let run = run.args([source.url("a.bin"), source.url("b.bin"), to.url(name)]).run();
        assert_eq!(run.code(), Some(0), "{}", shown(&run, &[&source, to]));
        assert!(to.bytes(&format!("{name}a.bin")) == content, "{run}");
        let summary = run.summary();
        (
            summary["path"].clone(),
            summary["protection"].clone(),
            run.text("trace.txt").matches("> PROT C").count(),
        )
    };
    assert_eq!(copy(&target, "private/", &[]), ("user".into(), "private".into(), 0));
    let permitted = ["--allow-clear-data"];
    assert_eq!(copy(&target, "clear/", &permitted), ("direct".into(), "clear".into(), 2));
    // This one insists: the next way is private again.
    let (path, protection, _) = copy(&strict, "insists/", &permitted);
    assert_eq!((path, protection), ("user".into(), "private".into()));
    let explained = |options: &[&str]| {
        let run = run("copy", &[&source, &target]).args(["--explain"]).args(options);
        run.args([source.url("a.bin"), target.url("c.bin")]).run().exits(0)
    };
    explained(&[]).says("--allow-clear-data permits it");
    explained(&permitted).never_says("--allow-clear-data permits it");
}

/// ABOR inside TLS: some servers never read it, and none keeps the file or the session for long.
fn is_interrupted(from: Kind, extra: &str, to: Kind) -> Result<(), Skipped> {
    let source = Foreign::new(from).tls(Begin::Explicit).extra(extra).file("a.bin", sample(3_000_000));
    let (source, target) = (source.start()?, Foreign::new(to).tls(Begin::Explicit).start()?);
    let ends = [&source, &target];
    let run = run("copy", &ends).args([source.url("a.bin"), target.url("b.bin")]).start();
    socket::until("the first bytes", || {
        let part = target.names().first().and_then(|name| std::fs::metadata(target.path(name)).ok());
        part.is_some_and(|part| part.len() > 0)
    });
    run.interrupt();
    let run = run.end();
    assert_eq!(run.code(), Some(10), "{}", shown(&run, &ends));
    socket::until("nothing to be left", || target.names().is_empty());
    Ok(())
}

#[test]
fn i06_an_interrupted_copy_inside_tls_leaves_nothing() {
    or_skip!(is_interrupted(Kind::Vsftpd, "anon_max_rate=200000", Kind::Proftpd));
    or_skip!(is_interrupted(Kind::Proftpd, "TransferRate RETR 200", Kind::Vsftpd));
}

#[test]
fn i02_one_end_may_be_in_clear_and_then_not_all_is_private() {
    let content = sample(300_000);
    let private = or_skip!(Foreign::vsftpd().tls(Begin::Explicit).file("a.bin", &content).start());
    let clear = Site::new("clear").start();
    for (from, to) in [(private.url("a.bin"), clear.url("b.bin")), (clear.url("b.bin"), private.url("c.bin"))]
    {
        let run = run("copy", &[&private]).args(["--json", &from, &to]).run();
        assert_eq!(run.code(), Some(0), "{}", shown(&run, &[&private]));
        let summary = run.summary();
        assert_eq!((&summary["path"], &summary["protection"]), (&"user".into(), &"clear".into()), "{run}");
        let run = run.says("the data would be in clear");
        assert_eq!(
            run.text("trace.txt").matches("* TLSv1.3, resumed").count(),
            1,
            "{}",
            shown(&run, &[&private])
        );
    }
    assert!(private.bytes("c.bin") == content);
    let explained = run("copy", &[&private])
        .args(["--explain", &private.url("a.bin"), &clear.url("d.bin")])
        .run()
        .exits(0);
    explained.says("the data would be in clear");
    run("copy", &[&private])
        .args(["--path", "direct", &private.url("a.bin"), &clear.url("d.bin")])
        .run()
        .exits(6)
        .says("the data would be in clear");
    assert_eq!(clear.names(), ["b.bin"]);
}

#[test]
fn an_unknown_certificate_is_exit_11_and_its_pin_is_the_cure() {
    let server = or_skip!(Foreign::vsftpd().tls(Begin::Explicit).file("a.bin", "hello").start());
    let pin = server.certificate().fingerprint();
    let ls = |options: &[&str]| user().args(["ls"]).args(options).args([server.url("")]).run();
    let refused = ls(&[]).exits(11).says(&format!("--pin {pin}"));
    assert_eq!(refused.stdout, [""; 0]);
    assert_eq!(ls(&["--pin", &pin]).exits(0).stdout, ["a.bin"]);
    assert_eq!(ls(&["--insecure"]).exits(0).stdout, ["a.bin"]);
    let wrong = format!("SHA256:{}", "0".repeat(64));
    ls(&["--pin", &wrong]).exits(11).says("not one of the pinned certificates").says(&pin);
    ls(&["--pin", &wrong, "--pin", &pin]).exits(0);
    // Nobody has said who they are before that.
    assert!(
        !server.said().contains("PASS") || server.said().matches("OK LOGIN").count() == 3,
        "{}",
        server.said()
    );
    let roots = user().file("ca.pem", &server.certificate().pem);
    assert_eq!(roots.args(["ls", "--ca", "ca.pem", &server.url("")]).run().exits(0).stdout, ["a.bin"]);
    ls(&["--ca", "/dev/null"]).exits(2).says("no certificate");
    ls(&["--pin", "SHA1:00"]).exits(2);
    ls(&["--trust", "new"]).exits(0).says("from now on no other is accepted");
    ls(&["--trust", "known"]).exits(11);
}

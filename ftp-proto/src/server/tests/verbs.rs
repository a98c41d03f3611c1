//! Commands of today's practice: attributes of files, names of clients, STOU, PRET, CEPR, STAT of a path.

use super::Harness;
use super::harness::{Config, OWN, both, config, modern, old, over_ipv6};
use crate::dialect::Dialect;
use crate::server::ask::{End, Intent};

#[test]
fn mfmt_sets_the_time_and_says_it() {
    for mut h in both() {
        let code = h.code("200/213");
        for verb in ["MFMT", "MDTM"] {
            h.did();
            let said = h.say(&format!("{verb} 20261120102030.5 a"));
            assert_eq!(said, [format!("{code} Modify=20261120102030; a")]);
            let asked = h.did();
            assert!(asked[0].contains("Change") && asked[0].contains("When(1795170030)"), "{asked:?}");
        }
        h.check("MFMT 20260230102030 a", &["501"]);
        h.check("MFMT 20261120102030", &["501"]);
    }
    let mut h = modern();
    h.check("MFMT 20261120102030 nothing", &["550"]);
    // A name that is no time is a name.
    h.check("MDTM 2026 a", &["550"]);
    h.check("MDTM a", &["213"]);
}

#[test]
fn mff_changes_all_facts_or_none() {
    let mut h = modern();
    let said = h.say("MFF UNIX.mode=0640;Modify=20261120102030; a");
    assert_eq!(said, ["213 UNIX.mode=0640;Modify=20261120102030; a"]);
    h.did();
    let said = h.say("MFF Modify=20261120102030;Create=20261120102030; a");
    assert!(said[0].starts_with("504 ") && said[0].contains("Create"), "{said:?}");
    h.check("MFF UNIX.mode=4755; a", &["550"]);
    assert!(h.did().is_empty(), "nothing was changed");
    h.check("MFF Modify=2026; a", &["501"]);
    h.check("MFF", &["501"]);
}

#[test]
fn site_has_a_few_commands() {
    let mut h = modern();
    h.check("SITE CHMOD 644 a", &["200"]);
    h.check("SITE CHMOD 2755 a", &["550"]);
    h.check("SITE UTIME 202611201020 a", &["200"]);
    h.did();
    h.check("SITE SYMLINK b d/c", &["200"]);
    let asked = h.did();
    assert!(asked[0].contains("target: ") && asked[0].contains("/d/c"), "{asked:?}");
    h.check("SITE HELP", &["214-", "214"]);
    h.check("SITE HELP chmod", &["214"]);
    h.check("SITE HELP EXEC", &["502"]);
    h.check("SITE EXEC rm", &["504"]);
    h.check("SITE", &["501"]);
}

#[test]
fn an_account_that_may_only_read_changes_no_attribute() {
    let mut h = Harness::new(config());
    h.say("USER anonymous");
    h.say("PASS x");
    for line in [
        "MFMT 20261120102030 a",
        "MFF UNIX.mode=0640; a",
        "SITE CHMOD 644 a",
        "SITE UTIME 202611201020 a",
        "SITE SYMLINK a c",
        "STOU",
    ] {
        h.check(line, &["550"]);
    }
}

#[test]
fn clients_and_servers_tell_who_they_are() {
    let mut h = Harness::new(config());
    h.take();
    h.check("CLNT anybody 1.0", &["200"]);
    h.check("CLNT", &["501"]);
    assert!(h.say("CSID Name=x; Version=1;")[0].starts_with("200 Name=server; Version=;"));
    h.check("HOST ftp.example.com", &["220"]);
    h.check("HOST [2001:db8::1]", &["220"]);
    h.check("HOST two words", &["501"]);
    h.check("HOST", &["501"]);
    h.check("USER u", &["331"]);
    h.check("HOST ftp.example.com", &["503"]);
    h.check("PASS secret", &["230"]);
    h.check("HOST ftp.example.com", &["503"]);
    h.check("LANG", &["200"]);
    h.check("LANG en-GB", &["200"]);
    h.check("LANG fr", &["504"]);
    assert_eq!(h.say("AVBL"), ["213 123456"]);
}

#[test]
fn stou_chooses_a_name_and_tells_it() {
    for mut h in both() {
        let mut names = Vec::new();
        for _ in 0..2 {
            h.own_host_connects();
            let said = h.say("STOU");
            let name = said[0].strip_prefix(h.code("250 FILE: /150 FILE: ")).unwrap().to_owned();
            assert!(name.starts_with("stou-") && name.len() == 21, "{name}");
            assert_eq!(h.intent, Some(Intent::Replace));
            assert!(h.did().contains(&format!("prepare /{name}")));
            h.finish(5, End::WHOLE_FILE);
            names.push(name);
        }
        assert_ne!(names[0], names[1]);
    }
}

#[test]
fn h34_pret_looks_at_the_file_before_a_port_is_opened() {
    let mut h = modern();
    h.check("PRET RETR a", &["200"]);
    h.check("PRET RETR nothing", &["550"]);
    h.check("PRET STOR c", &["200"]);
    h.check("PRET LIST", &["200"]);
    h.check("PRET SIZE a", &["504"]);
    h.check("PRET PRET RETR a", &["501"]);
    h.check("PRET", &["501"]);
}

#[test]
fn cepr_lets_epsv_name_the_address() {
    let mut h = modern();
    h.check("CEPR ON", &["200"]);
    let said = h.say("EPSV");
    assert!(said[0].starts_with("229 ") && said[0].contains("(|1|192.0.2.1|"), "{said:?}");
    h.check("CEPR OFF", &["200"]);
    assert!(h.say("EPSV")[0].contains("(|||"));
    h.check("CEPR maybe", &["501"]);
}

#[test]
fn d18_a_protocol_that_nobody_has_is_answered_with_those_that_there_are() {
    let mut h = modern();
    assert!(h.say("EPRT |3|x|1|")[0].starts_with("522 ") && h.say("EPSV 3")[0].ends_with("(1,2)"));
    let mut h = Harness::over(config(), over_ipv6()).logged_in();
    assert!(h.say("EPSV 7")[0].ends_with("(1,2)"));
}

#[test]
fn a12_stat_of_a_path_is_what_list_sends() {
    let mut h = modern();
    let expect = ["213-Status", "-rw-r--r-- 1000 a", "-rw-r--r-- 5 b", "213 End"];
    assert_eq!(h.say("STAT /"), expect);
    h.omitted = 2;
    assert_eq!(h.say("STAT /").last().map(String::as_str), Some("213 End; omitted 2"));
    let mut h = old();
    assert_eq!(h.say("STAT /"), ["150-Status", "-rw-r--r-- 1000 a", "-rw-r--r-- 5 b", "150 End", "200 End"]);
}

#[test]
fn e23_a_server_without_mailboxes_serves_no_mail_and_touches_no_socket() {
    for mut h in both() {
        let port = h.port("PASV");
        for line in ["MAIL ann", "MAIL ann,bob", "MAIL", "MLFL ann"] {
            h.check(line, &["506/502"]);
        }
        assert!(h.listens(port));
        // Nothing after it is taken for the text of a letter.
        h.check("NOOP", &["200"]);
        h.arrive(port, &format!("{OWN}:7000"));
        h.say("STOR c");
        assert!(h.is_moving());
        h.say("REIN");
    }
    let mut h = Harness::new(Config { dialect: Dialect::Rfc354, ..config() });
    h.take();
    for line in ["MAIL ann", "MLFL ann"] {
        h.check(line, &["506"]);
    }
}

//! Tests that leave the safe defaults: each use of `--foreign authenticated` or `--insecure` stands
//! here with its reason. A new one without a reason fails.

use super::source::texts;
use std::collections::BTreeSet;

/// Test or fixture, and why the default policy would not do.
const REASONS: &[(&str, &str)] = &[
    ("open_server", "in the benchmark lftp moves files between two of our servers, and lftp knows no proof"),
    (
        "B01-sock-is-answered-with-the-own-socket",
        "192.0.2.1, the statement's host, is nobody here and can prove nothing",
    ),
    ("B18-anonymous-names-no-foreign-host", "shows that the widest policy does not reach anonymous"),
    ("B19-addresses-that-are-no-target", "shows what is refused under the widest policy"),
    ("B19-loopback-that-is-not-named", "shows that foreign-networks must name loopback"),
    ("C16-a-third-host-is-accepted-by-policy-any", "the statement is about this policy"),
    ("integration-tests/tests/liars.rs", "servers that say they are vsftpd know no proof"),
    (
        "h36_under_tls_stat_goes_to_our_own_server_and_others_are_asked_by_a_second_session",
        "servers of other people know no proof",
    ),
    ("C20-an-earlier-sock-is-no-filter", "only here a peer besides the named one may come at all"),
    ("D07-without-sock-any-peer-by-policy-any", "RFC 478 note 3 lets any socket in"),
    (
        "a_certificate_that_was_kept_and_has_changed_is_refused_whatever_is_trusted",
        "shows that whoever trusts anybody is not held to what was kept",
    ),
    (
        "lftp_copies_from_one_of_our_servers_to_the_other",
        "lftp knows no RNDZ, and the two sites are foreign to each other on loopback",
    ),
    (
        "agent",
        "the certificates of the servers of a benchmark are made for it, and no authority vouches for them",
    ),
    ("n8_an_interrupted_tree_keeps_what_is_stored_and_goes_on", "shows that a job that goes on refuses it"),
    (
        "two_of_each",
        "the benchmark has lftp, which knows no RNDZ, copy between two sites that are foreign to each other",
    ),
    (
        "pairs",
        "the benchmark has lftp, which knows no RNDZ, copy trees between sites that are foreign to each other",
    ),
    (
        "f08_required_reuse_is_not_demanded_of_a_peer_that_proves_itself",
        "the constant after it: peers that are held by pins alone, as other people's servers could be",
    ),
    (
        "curl_does_everything_inside_tls",
        "the option of curl, whose client cannot pin a certificate by its digest",
    ),
    (
        "where_client_authorities_are_named_only_their_clients_come_in",
        "the option of curl; the test is about the client's certificate",
    ),
    (
        "a_client_that_a_proxy_announces_from_this_host_reaches_no_other_loopback_address",
        "shows what is refused under the widest policy",
    ),
    (
        "metrics_count_what_clients_do_and_name_none_of_them",
        "the port is refused under the widest policy, too",
    ),
    ("curl_logs_in_by_its_certificate", "the option of curl; the test is about the client's certificate"),
    ("open_end", "TLS with servers of other people, which know no RNDZ and are foreign on loopback"),
    (
        "start_private",
        "servers of other people inside TLS know no RNDZ, and are foreign to each other on loopback",
    ),
    ("works_with_others", "the soak copies from and to servers of other people, which know no RNDZ"),
    ("one_case", "the destination is a server of other people, which knows no RNDZ"),
    (
        "wider",
        "servers of other people know no RNDZ, and are foreign to each other, each at an address of its own",
    ),
    (
        "a_data_connection_shows_the_certificate_of_its_control_connection",
        "whom nobody judges is held to the first certificate all the same",
    ),
    (
        "an_unknown_certificate_is_exit_11_and_its_pin_is_the_cure",
        "shows what the option does, beside the pins that make it needless",
    ),
    (
        "a_certificate_that_the_settings_name_is_the_only_good_one",
        "what the settings demand of a site holds under the option",
    ),
    ("c28_strangers_never_end_the_wait", "a foreign peer without a proof, so that the reply has its facts"),
    (
        "h35_a_killed_destination_is_named_and_leaves_no_session_at_the_source",
        "the scripted source is foreign and knows no RNDZ",
    ),
    ("of_1973", "scripted servers of today are foreign and know no RNDZ"),
    ("open_target", "scripted sources are foreign and know no RNDZ"),
    ("open_site", "the scripted peers that break off are foreign and know no RNDZ"),
    (
        "a_listener_that_cannot_be_reached_lets_the_source_listen",
        "the scripted destination is foreign and knows no RNDZ",
    ),
    (
        "rules_of_exchange_name_the_hosts_the_direction_the_path_and_tls",
        "the partners of the account are foreign, and its rules come on top of that policy",
    ),
    ("R438-append-bare-retr-first", "RFC 438 knows no proof: its bare script"),
    ("R438-append-bare-retr-first-without-the-filter", "RFC 438 knows no proof: its bare script"),
    ("R438-append-bare-store-first", "RFC 438 knows no proof: its bare script"),
    ("R438-append-bare-store-first-without-the-filter", "RFC 438 knows no proof: its bare script"),
    ("R478-D04-pasv-bare-retr-first", "RFC 478 knows no proof: its bare script"),
    ("R478-D04-pasv-bare-retr-first-without-the-filter", "RFC 478 knows no proof: its bare script"),
    ("R478-D04-pasv-bare-store-first", "RFC 478 knows no proof: its bare script"),
    ("R478-D04-pasv-bare-store-first-without-the-filter", "RFC 478 knows no proof: its bare script"),
    ("R478-D15-rtrv-as-printed", "RFC 478 knows no proof: its bare script"),
    ("R478-D20-figure-bare-retr-first", "RFC 478 knows no proof: its bare script"),
    ("R478-D20-figure-bare-retr-first-without-the-filter", "RFC 478 knows no proof: its bare script"),
    ("R478-D20-figure-bare-store-first", "RFC 478 knows no proof: its bare script"),
    ("R478-D20-figure-bare-store-first-without-the-filter", "RFC 478 knows no proof: its bare script"),
];

/// The uses: fixtures by their file name, tests by the name of the function they stand in.
fn uses() -> BTreeSet<String> {
    let marks = [
        ["--foreign", " authenticated"].concat(),
        ["--inse", "cure"].concat(),
        ["\"--foreign\"", ", \"authenticated\""].concat(),
    ];
    let mut found = BTreeSet::new();
    for (path, text) in texts() {
        let fixture = path.split("fixtures/transcripts/").nth(1).and_then(|name| name.strip_suffix(".txt"));
        let in_tests = path.ends_with(".rs")
            && (path.contains("/tests")
                || path.contains("/benches/")
                || path.starts_with("integration-tests/src/"));
        if fixture.is_none() && !in_tests && !path.starts_with("docs/demo/") && !path.starts_with(".ci/") {
            continue;
        }
        let mut function = path.clone();
        for line in text.lines() {
            let trimmed = line.trim_start();
            let head = trimmed
                .trim_start_matches("pub ")
                .trim_start_matches("pub(super) ")
                .trim_start_matches("async ");
            if let Some(name) = head.strip_prefix("fn ") {
                function = name.split(['(', '<']).next().unwrap_or_default().to_owned();
            }
            if !trimmed.starts_with("//") && marks.iter().any(|mark| line.contains(mark.as_str())) {
                found.insert(fixture.map_or_else(|| function.clone(), String::from));
            }
        }
    }
    found
}

#[test]
fn every_use_of_a_wider_policy_has_its_reason() {
    let used = uses();
    let named: BTreeSet<String> = REASONS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let unexplained: Vec<&String> = used.difference(&named).collect();
    assert!(unexplained.is_empty(), "no reason is given for {unexplained:#?}");
    let vanished: Vec<&String> = named.difference(&used).collect();
    assert!(vanished.is_empty(), "no longer in use: {vanished:#?}");
    assert!(REASONS.iter().all(|(_, reason)| reason.len() > 10), "a reason is a sentence");
    for (name, reason) in REASONS {
        eprintln!("{name}: {reason}");
    }
}

//! Which commands go to which end before the transfer commands, and in which order.

use super::*;

/// The source begins, then the destination, and both report a complete file.
const MOVES: &str = "
    src: RETR a
    src< 150 started
    dst: STOR b
    dst< 150 started
    dst< 226 done
    src< 226 done
    = moved 226 226
";

#[test]
fn h01_the_append_of_rfc_438_is_exactly_its_example() {
    both("1973 SOCK LSTN")
        .with(|transfer, roles| {
            (transfer.store, roles.filter) = (Store::Append, true);
            (transfer.source_path, transfer.destination_path) = (path("PROG1.PL1"), path("PROG2.PL1"));
        })
        .play(&format!(
            "{TYPE}
             dst: LSTN R
             dst< 255 SOCK 40002
             src: SOCK 3221225986,40002
             src< 255 SOCK 40003
             dst: SOCK 3221225985,40003
             dst< 255 SOCK 40002
             src: RETR PROG1.PL1
             src< 250 started
             dst: APPE PROG2.PL1
             dst< 250 started
             src< 252 completed
             dst< 252 completed
             = moved 252 252"
        ));
}

#[test]
fn h01_servers_of_today_that_know_sock_and_lstn_get_the_same_with_literal_hosts() {
    both("SOCK LSTN EPSV").with(|_, roles| roles.filter = true).play(&format!(
        "{TYPE}
         dst: LSTN R
         dst< 255 SOCK 40002
         src: SOCK 192.0.2.2,40002
         src< 255 SOCK 40003
         dst: SOCK 192.0.2.1,40003
         dst< 255 SOCK 40002
         {MOVES}"
    ));
}

#[test]
fn h02_rfc_478_two_servers_of_1973_without_lstn_use_pasv_and_its_acknowledgement_is_awaited() {
    both("1973").with(|_, roles| roles.filter = true).play(&format!(
        "{TYPE}
         dst: PASV
         dst< 255 SOCK 40002
         src: SOCK 3221225986,40002
         src< 255 SOCK 40003
         dst: SOCK 3221225985,40003
         dst< 200 ok
         src: RETR a
         src< 250 started
         dst: STOR b
         dst< 250 started
         dst< 257 done
         src< 257 done
         = moved 257 257"
    ));
}

#[test]
fn h04_sock_answered_with_200_is_accepted_and_a_255_may_follow() {
    both("1973 SOCK LSTN").with(|_, roles| roles.filter = true).play(&format!(
        "{TYPE}
         dst: LSTN R
         dst< 255 SOCK 40002
         src: SOCK 3221225986,40002
         src< 200 Socket command accepted.
         src: RETR a
         src< 255 SOCK 40003
         src< 250 started
         dst: STOR b
         dst< 250 started
         src< 252 done
         dst< 252 done
         = moved 252 252"
    ));
}

#[test]
fn h03_a_255_is_read_wherever_its_number_stands_and_refused_without_one() {
    let case = both("SOCK LSTN");
    for text in ["SOCK  40002 foo", " sock 40002", "Here you are^SOCK 40002"] {
        case.play(&format!("{TYPE}dst: LSTN R\ndst< 255 {text}\nsrc: SOCK 192.0.2.2,40002"));
    }
    for text in ["SOCK", "SOCK 0", "SOCK 65536"] {
        case.play(&format!(
            "{TYPE}
             dst: LSTN R
             dst< 255 {text}
             dst! abort
             dst. aborted
             = dst LSTN: 255 (NoAddress), Path"
        ));
    }
}

#[test]
fn pasv_and_port_serve_two_plain_servers_in_either_direction() {
    plain().play(&format!(
        "{PASV}
         src< 150 opening
         dst: STOR b
         dst< 150 ok
         src< 226 done
         dst< 226 done
         = moved 226 226"
    ));
    plain().source_listens().play(&format!(
        "{PASV_AT_SOURCE}
         dst< 150 ok
         src: RETR a
         src< 150 opening
         dst< 226 done
         src< 250 done
         = moved 250 226"
    ));
}

#[test]
fn epsv_and_eprt_serve_ipv6_and_name_the_family() {
    let v6 = |address| party(address, "EPSV");
    case(v6("2001:db8::1"), v6("2001:db8::2")).play(&format!(
        "{TYPE}
         dst: EPSV 2
         dst< 229 Entering Extended Passive Mode (|||40002|)
         src: EPRT |2|2001:db8::2|40002|
         src< 200 ok
         src: RETR a"
    ));
    case(v6("::ffff:192.0.2.1"), v6("::ffff:192.0.2.2")).play(&format!(
        "{TYPE}
         dst: EPSV 1
         dst< 229 Entering Extended Passive Mode (|||40002|)
         src: EPRT |1|192.0.2.2|40002|
         src< 200 ok
         src: RETR a"
    ));
}

#[test]
fn h10_a_port_for_the_other_family_is_of_no_use_without_an_address_of_it() {
    case(party(SITE1, "EPSV"), party("2001:db8::2", "EPSV")).play(&format!(
        "{TYPE}
         dst: EPSV 1
         dst< 229 Entering Extended Passive Mode (|||40002|)
         dst! abort
         dst. aborted
         = dst EPSV: 229 (OtherFamily), Path"
    ));
}

#[test]
fn lstn_and_sock_serve_ipv6_in_both_dialects() {
    for know in ["SOCK LSTN", "1973 SOCK LSTN"] {
        case(party("2001:db8::1", know), party("2001:db8::2", know))
            .with(|_, roles| roles.filter = true)
            .source_listens()
            .play(&format!(
                "{SOURCE_TYPE}
                 src: LSTN S
                 dst< 200 image
                 src< 255 SOCK 40003
                 dst: SOCK [2001:db8::1],40003
                 dst< 255 SOCK 40002
                 src: SOCK [2001:db8::2],40002
                 src< 255 SOCK 40003
                 dst: STOR b"
            ));
    }
}

#[test]
fn a_server_of_1973_and_one_of_today_are_joined_by_what_each_knows() {
    case(party(SITE1, "1973"), party(SITE2, "EPSV")).play(&format!(
        "{TYPE}
         dst: PASV
         dst< 227 =192,0,2,2,156,66
         src: SOCK 3221225986,40002
         src< 200 ok
         src: RETR a"
    ));
    case(party(SITE1, "EPSV"), party(SITE2, "1973 LSTN")).play(&format!(
        "{TYPE}
         dst: PASV
         dst< 255 SOCK 40002
         src: PORT 192,0,2,2,156,66
         src< 200 ok
         src: RETR a"
    ));
}

#[test]
fn the_filter_of_rfc_478_note_3_goes_to_a_listener_that_knows_sock() {
    both("SOCK EPSV").with(|_, roles| roles.filter = true).play(&format!(
        "{TYPE}
             dst: EPSV 1
             dst< 229 ok (|||40002|)
             src: SOCK 192.0.2.2,40002
             src< 255 SOCK 40003
             dst: SOCK 192.0.2.1,40003
             dst< 255 SOCK 40002
             src: RETR a"
    ));
    // The active end cannot say from which port it will connect, so there is no filter.
    case(party(SITE1, "EPSV"), party(SITE2, "SOCK EPSV")).with(|_, roles| roles.filter = true).play(
        &format!(
            "{TYPE}
         dst: EPSV 1
         dst< 229 ok (|||40002|)
         src: EPRT |1|192.0.2.2|40002|
         src< 200 ok
         src: RETR a"
        ),
    );
}

#[test]
fn rndz_goes_to_both_ends_before_anything_that_it_judges() {
    let ours = "SOCK LSTN RNDZ EPSV";
    both(ours).with(|_, roles| roles.filter = true).proven().play(&format!(
        "{PROVEN_TYPE}
         dst< 200 ok
         dst: LSTN R
         dst< 255 SOCK 40002
         src< 200 ok
         src: SOCK 192.0.2.2,40002
         src< 255 SOCK 40003
         dst: SOCK 192.0.2.1,0
         dst< 255 SOCK 40002
         src: RETR a
         dst: STOR b"
    ));
    // If one end does not know RNDZ, it is not used.
    case(party(SITE1, ours), party(SITE2, "SOCK LSTN")).proven().play(&format!("{TYPE}dst: LSTN R"));
}

#[test]
fn rest_comes_last_at_both_ends_and_not_before_appe() {
    plain().with(|transfer, _| transfer.part = Some(ByteRange::from(4096))).play(&format!(
        "{TYPE}
         dst: PASV
         dst< 227 (192,0,2,2,156,66)
         dst: REST 4096
         src: PORT 192,0,2,2,156,66
         src< 200 ok
         src: REST 4096
         src< 350 ok
         dst< 350 ok
         src: RETR a"
    ));
    plain()
        .with(|transfer, _| (transfer.part, transfer.store) = (Some(ByteRange::from(4096)), Store::Append))
        .play(&format!(
            "{TYPE}
         dst: PASV
         dst< 227 (192,0,2,2,156,66)
         src: PORT 192,0,2,2,156,66
         src< 200 ok
         src: REST 4096
         src< 350 ok
         src: RETR a"
        ));
    plain().with(|transfer, _| transfer.part = Some(ByteRange::from(0))).play(PASV);
}

#[test]
fn type_is_settled_before_the_data_port_is_opened() {
    plain().play("dst: TYPE I\nsrc: TYPE I\nsrc< 200 ok\ndst< 200 ok\ndst: PASV");
}

#[test]
fn h08_a_227_that_names_no_host_means_its_own_server() {
    // SITE2 is public. These addresses belong to its own network or its own host.
    for inner in ["0,0,0,0", "127,0,0,1", "10,1,2,3"] {
        let play = plain().start().play(&format!(
            "{TYPE}
             dst: PASV
             dst< 227 Entering Passive Mode ({inner},156,66)
             src: PORT 192,0,2,2,156,66"
        ));
        let announced = format!("{}:40002", inner.replace(',', ".")).parse().unwrap();
        let used = "192.0.2.2:40002".parse().unwrap();
        assert_eq!(play.attempt.repairs(), [Repair { side: Side::Destination, announced, used }]);
    }
    let play = plain()
        .start()
        .play(&format!("{TYPE}dst: PASV\ndst< 227 (192,0,2,2,156,66)\nsrc: PORT 192,0,2,2,156,66"));
    assert_eq!(play.attempt.repairs(), []);
}

#[test]
fn h08_a_227_that_names_somebody_else_is_refused_before_it_reaches_the_other_end() {
    plain().play(&format!(
        "{TYPE}
         dst: PASV
         dst< 227 Entering Passive Mode (203,0,113,9,0,25)
         dst! abort
         dst. aborted
         = dst PASV: 227 (the server announced the address of another host), Path"
    ));
}

/// H11: EPSV ALL is never sent. H12: every attempt opens its own data port.
#[test]
fn h11_h12_each_attempt_opens_its_own_listener_and_never_with_epsv_all() {
    for features in ["", "EPSV", "SOCK LSTN", "SOCK EPSV", "1973", "1973 SOCK LSTN"] {
        for listener in [Side::Source, Side::Destination] {
            for filter in [false, true] {
                let case = both(features);
                let case = if listener == Side::Source { case.source_listens() } else { case };
                let mut play = case.with(|_, roles| roles.filter = filter).start();
                let said: Vec<String> = play.lines.drain(..).collect();
                assert_eq!(
                    said,
                    [format!("{}: TYPE I", name(listener)), format!("{}: TYPE I", name(listener.other()))]
                );
                play.line(&format!("{}< 200 ok", name(listener)));
                let opens = play.lines.pop_front().unwrap();
                assert!(["LSTN", "PASV", "EPSV 1"].iter().any(|verb| opens.contains(verb)), "{opens}");
            }
        }
    }
}

#[test]
fn h31_two_sessions_on_one_server_are_two_ends_with_one_address() {
    let ours = "SOCK LSTN RNDZ";
    let case = case(party(SITE1, ours), party(SITE1, ours)).with(|_, roles| roles.filter = true);
    case.proven().play(&format!(
        "{PROVEN_TYPE}
         src< 200 ok
         dst< 200 ok
         dst: LSTN R
         dst< 255 SOCK 40002
         src: SOCK 192.0.2.1,40002
         src< 255 SOCK 40003
         dst: SOCK 192.0.2.1,0
         dst< 255 SOCK 40002
         src: RETR a
         dst: STOR b
         dst< 150 ok
         src< 150 ok
         dst< 226 done
         src< 226 done
         = moved 226 226"
    ));
}

#[test]
fn an_opening_is_found_where_the_two_have_something_in_common() {
    let check = |listener: (&str, &str), connector: (&str, &str), expect| {
        let found = opening(&party(listener.0, listener.1), &party(connector.0, connector.1));
        assert_eq!(found, expect, "{listener:?} {connector:?}");
    };
    let (v4, v6) = ("192.0.2.1", "2001:db8::1");
    check((v4, "SOCK LSTN EPSV"), (v4, "SOCK LSTN EPSV"), Some(Opening::Lstn));
    check((v4, "SOCK LSTN EPSV"), (v4, "EPSV"), Some(Opening::Epsv));
    check((v4, "SOCK LSTN EPSV"), (v4, "1973"), Some(Opening::Lstn));
    check((v4, "EPSV"), (v4, ""), Some(Opening::Pasv));
    check((v4, ""), (v4, "1973"), Some(Opening::Pasv));
    check((v6, "EPSV"), (v6, "EPSV"), Some(Opening::Epsv));
    check((v6, "1973"), (v6, "EPSV"), Some(Opening::Pasv)); // 255 has no address, so it has no family
    // FEAT may leave out what a server of today needs over IPv6.
    check((v6, "EPSV"), (v6, ""), Some(Opening::Epsv));
    check((v6, ""), (v6, ""), Some(Opening::Epsv));
    check((v6, ""), (v4, "EPSV"), Some(Opening::Epsv));
    check((v6, ""), (v4, ""), None);
}

/// A listener of an earlier attempt would take SOCK for its filter and stay passive (B21).
#[test]
fn b21_the_connecting_end_ends_a_listener_of_its_own_first() {
    let mut case = both("SOCK LSTN");
    case.source.standing.listens = true;
    for said in ["200 Mode changed to active", "500 What?"] {
        case.play(&format!(
            "dst: TYPE I
             src: TYPE I
             src< 200 ok
             src: ACTV
             dst< 200 ok
             dst: LSTN R
             dst< 255 SOCK 40002
             src< {said}
             src: SOCK 192.0.2.2,40002
             src< 255 SOCK 40003
             src: RETR a"
        ));
    }
    // PORT ends an old listener by itself.
    let mut plain = plain();
    plain.source.standing.listens = true;
    plain.play(PASV);
}

/// RFC 478: PASV keeps an earlier SOCK as its filter. The one of an earlier attempt names another port than the
/// one from which the peer connects now.
#[test]
fn d05_the_filter_of_an_earlier_attempt_is_replaced() {
    let mut case = case(party(SITE1, ""), party(SITE2, "1973"));
    case.destination.standing.sock = true;
    case.play(&format!(
        "{TYPE}
         dst: PASV
         dst< 255 SOCK 40002
         src: PORT 192,0,2,2,156,66
         src< 200 ok
         dst: SOCK 3221225985,0
         dst< 255 SOCK 40002
         src: RETR a"
    ));
}

/// Up to the reply to PRET.
fn with_pret() -> (Case, String) {
    let case = both("PRET");
    (case, format!("{TYPE}dst: PRET STOR b\n"))
}

#[test]
fn h34_pret_is_said_to_the_listening_end_before_pasv() {
    let (case, start) = with_pret();
    for accepted in ["200 OK, planning to upload", "350 go on", "500 Unknown command", "502 not here"] {
        case.play(&format!(
            "{start}dst< {accepted}
             dst: PASV
             dst< 227 (192,0,2,2,156,66)
             src: PORT 192,0,2,2,156,66
             src< 200 ok
             src: RETR a"
        ));
    }
    case.source_listens().play(&format!(
        "{SOURCE_TYPE}
         src: PRET RETR a
         dst< 200 ok
         src< 200 ok
         src: PASV
         src< 227 (192,0,2,1,156,66)
         dst: PORT 192,0,2,1,156,66"
    ));
}

#[test]
fn h34_a_refusal_of_pret_is_one_of_the_file() {
    let (case, start) = with_pret();
    for (refusal, blame) in [
        ("550 Permission denied", "File"),
        ("550 b: No such file or directory", "File"),
        ("553 not allowed", "File"),
        ("530 No transfer-slave(s) available", "Busy"),
        ("452 no space", "Space"),
    ] {
        let (code, _) = refusal.split_once(' ').unwrap();
        case.play(&format!("{start}dst< {refusal}\n= dst PRET: {code}, {blame}"));
    }
    case.source_listens().play(&format!(
        "{SOURCE_TYPE}
         src: PRET RETR a
         dst< 200 ok
         src< 550 a: No such file
         = src PRET: 550, Missing"
    ));
}

#[test]
fn h34_a_server_that_asks_for_pret_gets_it() {
    plain().play(&format!(
        "{TYPE}
         dst: PASV
         dst< 500 You need to use a client supporting PRET (PRE Transfer) to use PASV
         dst: PRET STOR b
         dst< 200 ok
         dst: PASV
         dst< 500 You need to use a client supporting PRET (PRE Transfer) to use PASV
         = dst PASV: 500, Unsupported"
    ));
}

#[test]
fn g02_two_that_listen_and_connect_are_told_each_others_ports() {
    let symmetric = |_: &mut Transfer, roles: &mut Roles| roles.opening = Opening::Symmetric;
    both("SOCK LSTN RSYM GSOC").with(symmetric).play(&format!(
        "dst: TYPE I
         src: TYPE I
         dst< 200 ok
         dst: RSYM ON
         src< 200 ok
         src: RSYM ON
         dst< 200 ok
         dst: GSOC
         src< 200 ok
         src: GSOC
         dst< 255 SOCK 40002
         src< 255 SOCK 40003
         dst: SOCK 192.0.2.1,40003
         src: SOCK 192.0.2.2,40002
         dst< 255 SOCK 40002
         src< 255 SOCK 40003
         {MOVES}"
    ));
}

#[test]
fn what_an_earlier_attempt_has_asked_for_is_taken_back() {
    let know = "SOCK LSTN RSYM GSOC";
    let mut source = party(SITE1, know);
    source.standing.symmetric = true;
    case(source, party(SITE2, know)).play(&format!(
        "dst: TYPE I
         src: TYPE I
         dst< 200 ok
         dst: LSTN R
         src< 200 ok
         src: RSYM OFF
         dst< 255 SOCK 40002
         src< 200 ok
         src: SOCK 192.0.2.2,40002
         src< 255 SOCK 40003
         {MOVES}"
    ));
}

#[test]
fn a_probe_is_a_transfer_that_names_no_file() {
    let probes = |transfer: &mut Transfer, _: &mut Roles| transfer.probes = true;
    both("SOCK LSTN PROB").with(probes).play(
        "dst: TYPE I
         src: TYPE I
         dst< 200 ok
         dst: LSTN R
         src< 200 ok
         dst< 255 SOCK 40002
         src: SOCK 192.0.2.2,40002
         src< 255 SOCK 40003
         src: PROB S
         src< 225 proven
         dst: PROB R
         dst< 225 proven
         = moved 225 225",
    );
}

//! TLS between the two ends: who is its client, and which certificate each demands.

use super::*;

#[test]
fn h23_one_end_is_tls_client_and_each_end_pins_the_other() {
    let [one, two] = [b"one", b"two"].map(|leaf| Fingerprint::of(leaf));
    let shows = |party: Party, leaf| Party { leaf: Some(leaf), ..party };
    let inside = || case(shows(party(SITE1, "PINC"), one), shows(party(SITE2, "PINC"), two));
    let pins = format!(
        "src: PINC SHA-256 {}
         src< 200 pinned
         dst: PINC SHA-256 {}
         dst< 200 pinned",
        two.to_hex(),
        one.to_hex()
    );
    let pins: Vec<&str> = pins.lines().collect();
    let (of_source, of_destination) = (pins[..2].join("\n"), pins[2..].join("\n"));
    inside().with(|_, roles| roles.tls = DataTls::Sscn(Side::Source)).play(&format!(
        "dst: TYPE I
         src: TYPE I
         src< 200 image
         src: SSCN ON
         src< 220 client method
         {of_source}
         dst< 200 image
         {of_destination}
         dst: PASV
         dst< 227 Entering Passive Mode (192,0,2,2,156,66)
         src: PORT 192,0,2,2,156,66
         src< 200 ok
         src: RETR a"
    ));
    // CPSV is both: it listens, and it makes the end that listens the client.
    inside().with(|_, roles| roles.tls = DataTls::Cpsv).play(&format!(
        "dst: TYPE I
         src: TYPE I
         src< 200 image
         {of_source}
         dst< 200 image
         {of_destination}
         dst: CPSV
         dst< 227 Entering Passive Mode (192,0,2,2,156,66)
         src: PORT 192,0,2,2,156,66
         src< 200 ok
         src: RETR a"
    ));
}

#[test]
fn h23_what_is_in_force_is_not_said_again_and_what_is_not_wanted_ends() {
    let [one, two] = [b"one", b"two"].map(|leaf| Fingerprint::of(leaf));
    let kept = |address, leaf, sscn, pin| {
        let standing = Standing { sscn, pin: Some(pin), ..Standing::default() };
        Party { leaf: Some(leaf), standing, ..party(address, "PINC") }
    };
    let both = || case(kept(SITE1, one, true, two), kept(SITE2, two, false, one));
    both().with(|_, roles| roles.tls = DataTls::Sscn(Side::Source)).play(PASV);
    both().play(
        "dst: TYPE I
         src: TYPE I
         src< 200 image
         src: SSCN OFF
         src< 200 server method
         src: PINC OFF
         src< 200 forgotten
         dst< 200 image
         dst: PINC OFF
         dst< 200 forgotten
         dst: PASV",
    );
}

#[test]
fn h24_a_refused_role_or_pin_is_no_reason_to_go_on_without() {
    let case = || {
        let shows = |party: Party| Party { leaf: Some(Fingerprint::of(b"leaf")), ..party };
        case(shows(party(SITE1, "")), shows(party(SITE2, "PINC")))
    };
    case().with(|_, roles| roles.tls = DataTls::Sscn(Side::Source)).play(
        "dst: TYPE I
         src: TYPE I
         src< 200 image
         src: SSCN ON
         src< 503 not now
         dst< 200 image
         = src SSCN: 503, Path",
    );
    case().with(|_, roles| roles.tls = DataTls::Sscn(Side::Source)).play(&format!(
        "dst: TYPE I
         src: TYPE I
         dst< 200 image
         dst: PINC SHA-256 {}
         dst< 504 unknown digest
         src< 200 image
         = dst PINC: 504, Unsupported",
        Fingerprint::of(b"leaf").to_hex()
    ));
}

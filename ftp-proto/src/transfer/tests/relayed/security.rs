//! TLS from server to server through the relay: who is its client, and which certificate each demands.

use super::*;

/// Both know PINC, and have shown a certificate.
fn inside(source: Posture, destination: Posture, tls: DataTls) -> Scene {
    let shows =
        |address, leaf: &[u8]| Party { leaf: Some(Fingerprint::of(leaf)), ..party(address, "EPSV PINC") };
    scene(source, destination).with(|scene| {
        scene.tls = tls;
        scene.source = shows(SITE1, b"one");
        scene.destination = shows(SITE2, b"two");
    })
}

fn pin(leaf: &[u8]) -> String {
    format!("PINC SHA-256 {}", Fingerprint::of(leaf).to_hex())
}

#[test]
fn h23_through_a_relay_one_end_is_tls_client_and_each_end_pins_the_other() {
    let (one, two) = (pin(b"one"), pin(b"two"));
    inside(Passive, Passive, DataTls::Sscn(Side::Source)).play(&format!(
        "{SOURCE_TYPE}
         src: SSCN ON
         src< 200 client
         src: {two}
         src< 200 pinned
         src: EPSV
         dst< 200 image
         dst: {one}
         dst< 200 pinned
         dst: EPSV
         src< 229 listening (|||40001|)
         dst< 229 listening (|||40002|)
         ! join 192.0.2.1:40001 192.0.2.2:40002
         ready
         dst: STOR b"
    ));
    inside(Active, Active, DataTls::Sscn(Side::Destination)).play(&format!(
        "{SOURCE_TYPE}
         src: {two}
         src< 200 pinned
         dst< 200 image
         dst: SSCN ON
         dst< 200 client
         dst: {one}
         dst< 200 pinned
         ! join listen listen
         ready 203.0.113.9:50001 203.0.113.9:50002
         src: PORT 203,0,113,9,195,81
         dst: PORT 203,0,113,9,195,82"
    ));
}

#[test]
fn h23_cpsv_is_for_one_end_that_listens() {
    let roles =
        |source, destination| RelayRoles { postures: Postures { source, destination }, tls: DataTls::Cpsv };
    for (source, destination, expect) in [
        (Passive, Passive, Some(Side::Destination)),
        (Active, Passive, Some(Side::Destination)),
        (Passive, Active, Some(Side::Source)),
        (Active, Active, None),
    ] {
        let roles = roles(source, destination);
        assert_eq!((roles.cpsv(), roles.tls_client()), (expect, expect), "{roles:?}");
        assert_eq!(RelayRoles::from(roles.postures).tls_client(), None);
    }
    inside(Passive, Passive, DataTls::Cpsv).with(|scene| scene.destination.capabilities.pinc = false).play(
        &format!(
            "src: TYPE I
             dst: TYPE I
             src< 200 image
             src: {}
             src< 200 pinned
             src: EPSV
             dst< 200 image
             dst: CPSV
             src< 229 listening (|||40001|)
             dst< 227 Entering Passive Mode (192,0,2,2,156,66)
             ! join 192.0.2.1:40001 192.0.2.2:40002
             ready
             dst: STOR b",
            pin(b"two")
        ),
    );
}

#[test]
fn h24_a_server_that_refuses_cpsv_is_not_asked_to_listen_in_another_way() {
    inside(Active, Passive, DataTls::Cpsv)
        .with(|scene| {
            scene.source.capabilities.pinc = false;
            scene.destination.capabilities.pinc = false;
        })
        .play(&format!(
            "{SOURCE_TYPE}
         dst< 200 image
             dst: CPSV
             dst< 502 unknown
             = dst CPSV: 502, Unsupported"
        ));
}

//! Which commands are sent in which order when the file arrives.

use super::*;

#[test]
fn r42_a_passive_destination_stores_first_and_an_active_one_when_the_source_has_begun() {
    for (scene, moving) in combinations() {
        scene.play(&moving).play(DONE);
    }
}

#[test]
fn the_last_words_may_come_in_any_order_and_before_the_relay_says_anything() {
    for (scene, moving) in combinations() {
        scene.play(&moving.replace("flows", "")).play("dst< 226 stored\n src< 226 sent\n = moved 226 226");
    }
    // The relay dials at once, and both connections stand before any transfer command.
    let early = format!("{BOTH_PASSIVE}flows\n dst< 150 go\n src: RETR a\n src< 150 go\n");
    scene(Passive, Passive).play(&early).play(DONE);
}

#[test]
fn r42_rndz_proves_the_servers_to_each_other_and_nobody_waits() {
    const SECRETS: &str = "
        src: TYPE I
        dst: TYPE I
        src< 200 image
        src: RNDZ ***
        dst< 200 image
        dst: RNDZ ***
        src< 200 ok
    ";
    const PROVEN: &str = "
        flows
        src< 150 go
        dst< 150 go
    ";
    let check = |source, destination, rest: &str| {
        scene(source, destination).proven().play(&format!("{SECRETS}{rest}{PROVEN}")).play(DONE);
    };
    check(
        Passive,
        Passive,
        "src: EPSV
         dst< 200 ok
         dst: EPSV
         dst< 229 listening (|||40002|)
         src< 229 listening (|||40001|)
         ! join 192.0.2.1:40001 192.0.2.2:40002
         ready
         dst: STOR b
         src: RETR a",
    );
    check(
        Active,
        Passive,
        "dst< 200 ok
         dst: EPSV
         dst< 229 listening (|||40002|)
         ! join listen 192.0.2.2:40002
         ready 203.0.113.9:50001 -
         src: PORT 203,0,113,9,195,81
         src< 200 ok
         dst: STOR b
         src: RETR a",
    );
    check(
        Active,
        Active,
        "dst< 200 ok
         ! join listen listen
         ready 203.0.113.9:50001 203.0.113.9:50002
         src: PORT 203,0,113,9,195,81
         dst: PORT 203,0,113,9,195,82
         src< 200 ok
         dst< 200 ok
         src: RETR a
         dst: STOR b",
    );
    check(
        Passive,
        Active,
        "src: EPSV
         src< 229 listening (|||40001|)
         dst< 200 ok
         ! join 192.0.2.1:40001 listen
         ready - 203.0.113.9:50002
         dst: PORT 203,0,113,9,195,82
         dst< 200 ok
         src: RETR a
         dst: STOR b",
    );
}

#[test]
fn an_older_secret_is_forgotten_where_only_one_end_knows_rndz() {
    let one = scene(Active, Active).proven().with(|scene| scene.destination = party(SITE2, "EPSV"));
    one.play(&format!(
        "{SOURCE_TYPE}
         src: RNDZ
         dst< 200 image
         src< 200 forgotten
         ! join listen listen"
    ));
}

#[test]
fn servers_of_1973_listen_with_lstn_and_connect_by_sock() {
    let old = "1973 SOCK LSTN";
    let both = |source, destination| {
        scene(source, destination).with(|scene| {
            scene.source = party(SITE1, old);
            scene.destination = party(SITE2, old);
            // An earlier attempt's listener would take SOCK for its filter.
            scene.destination.standing.listens = true;
        })
    };
    both(Passive, Active).play(&format!(
        "{SOURCE_TYPE}
         src: LSTN S
         dst< 200 image
         dst: ACTV
         src< 255 SOCK 40001
         dst< 200 ok
         ! join 192.0.2.1:40001 listen
         ready - 203.0.113.9:50002
         dst: SOCK 3405803785,50002
         dst< 255 SOCK 40004
         src: RETR a
         src< 255 SOCK 40001
         src< 250 go
         dst: STOR b
         dst< 255 SOCK 40004
         dst< 250 go
         flows
         src< 252 sent
         dst< 252 stored
         = moved 252 252"
    ));
    both(Passive, Passive).play(&format!(
        "{SOURCE_TYPE}
         src: LSTN S
         dst< 200 image
         dst: LSTN R
         src< 255 SOCK 40001
         dst< 255 SOCK 40002
         ! join 192.0.2.1:40001 192.0.2.2:40002"
    ));
}

#[test]
fn r03_each_end_meets_the_relay_in_its_own_family() {
    let mixed = |source, destination| {
        scene(source, destination).with(|scene| scene.source = party("2001:db8::1", "EPSV"))
    };
    mixed(Active, Active).play(&format!(
        "{SOURCE_TYPE}
         dst< 200 image
         ! join listen listen
         ready [2001:db8::9]:50001 203.0.113.9:50002
         src: EPRT |2|2001:db8::9|50001|
         dst: PORT 203,0,113,9,195,82"
    ));
    mixed(Passive, Passive).play(&format!(
        "{SOURCE_TYPE}
         src: EPSV
         dst< 200 image
         dst: EPSV
         src< 229 listening (|||40001|)
         dst< 229 listening (|||40002|)
         ! join [2001:db8::1]:40001 192.0.2.2:40002"
    ));
}

#[test]
fn a_passive_end_that_does_not_know_epsv_is_asked_for_pasv() {
    scene(Passive, Active).play(&format!(
        "{SOURCE_TYPE}
         src: EPSV
         dst< 200 image
         src< 502 what
         src: PASV
         src< 227 Entering Passive Mode (192,0,2,1,156,65)
         ! join 192.0.2.1:40001 listen"
    ));
    scene(Passive, Active).play(&format!(
        "{SOURCE_TYPE}
         src: EPSV
         dst< 200 image
         src< 502 what
         src: PASV
         src< 502 what
         = src PASV: 502, Unsupported"
    ));
}

#[test]
fn h34_pret_where_a_passive_end_wants_it() {
    let wants = |scene: Scene| scene.with(|scene| scene.source = party(SITE1, "PRET"));
    wants(scene(Passive, Active)).play(&format!(
        "{SOURCE_TYPE}
         src: PRET RETR a
         dst< 200 image
         src< 200 ok
         src: PASV"
    ));
    wants(scene(Active, Active)).play(&format!(
        "{SOURCE_TYPE}
         dst< 200 image
         ! join listen listen"
    ));
    scene(Passive, Active).play(&format!(
        "{SOURCE_TYPE}
         src: EPSV
         dst< 200 image
         src< 500 You need to use a client supporting PRET
         src: PRET RETR a
         src< 200 ok
         src: EPSV"
    ));
}

#[test]
fn rest_comes_directly_before_the_transfer_commands() {
    let resumed = scene(Active, Passive).with(|scene| scene.transfer.part = Some(ByteRange::from(4096)));
    resumed.play(&format!(
        "{SOURCE_TYPE}
         dst< 200 image
         dst: EPSV
         dst< 229 listening (|||40002|)
         ! join listen 192.0.2.2:40002
         dst: REST 4096
         dst< 350 ok
         ready 203.0.113.9:50001 -
         src: PORT 203,0,113,9,195,81
         src< 200 ok
         src: REST 4096
         src< 350 ok
         dst: STOR b"
    ));
}

#[test]
fn h13_a_passive_end_that_keeps_its_first_reply_is_not_waited_for_long() {
    scene(Passive, Passive).play(BOTH_PASSIVE).play(
        "flows\n wait 5\n src: RETR a\n src< 150 go\n src< 226 sent\n dst< 226 stored\n = moved 226 226",
    );
    scene(Passive, Active)
        .play(SOURCE_PASSIVE)
        .play("wait 5\n dst: STOR b\n flows\n dst< 150 go\n src< 150 go")
        .play(DONE);
}

//! Both ends of the proof, and others who try to be one of them.

use super::*;
use crate::relay::frame::FrameReader;

const E1: Exporter = [1; 32];
const E2: Exporter = [2; 32];
const TODAY: When = When(1_000);

fn token(name: &str, byte: u8) -> Token {
    Token::new(name, None, [byte; 32]).unwrap()
}

fn first(bytes: &[u8]) -> First {
    let mut reader = FrameReader::new();
    reader.push(bytes);
    reader.message().unwrap().unwrap()
}

fn answer(bytes: &[u8]) -> LinkAnswer {
    let mut reader = FrameReader::new();
    reader.push(bytes);
    reader.message().unwrap().unwrap()
}

fn session(bytes: &[u8]) -> Hello {
    match first(bytes) {
        First::Session(hello) => hello,
        First::Data(other) => panic!("{other:?}"),
    }
}

fn data(bytes: &[u8]) -> DataHello {
    match first(bytes) {
        First::Data(hello) => hello,
        First::Session(other) => panic!("{other:?}"),
    }
}

fn welcome() -> Welcome {
    Welcome {
        version: 1,
        build: Text::of("test"),
        seen_as: "192.0.2.1:4000".parse().unwrap(),
        ping_ms: 20_000,
        dead_ms: 45_000,
        mac: [0; 32],
    }
}

#[test]
fn both_ends_know_each_other_by_the_token() {
    let ring = Keyring::new([token("other", 1), token("edge", 7)]);
    let (bytes, pending) = hello(token("edge", 7).secret(), &E1);
    let accepted = ring.accept(&session(&bytes), &E1, TODAY).unwrap();
    assert_eq!((accepted.name.as_str(), accepted.version), ("edge", 1));
    let welcomed = pending.welcome(answer(&accepted.welcome(welcome()))).unwrap();
    assert_eq!(welcomed.seen_as, welcome().seen_as);
}

#[test]
fn an_unknown_token_a_wrong_proof_and_an_expired_token_are_denied_alike() {
    let old = Token::new("old", Some(When(999)), [9; 32]).unwrap();
    let ring = Keyring::new([token("edge", 7), old.clone()]);
    let (unknown, _) = hello(token("edge", 8).secret(), &E1);
    assert_eq!(ring.accept(&session(&unknown), &E1, TODAY).unwrap_err(), Denial::Unknown);
    let (good, _) = hello(token("edge", 7).secret(), &E1);
    let wrong = Hello { mac: [0; 32], ..session(&good) };
    assert_eq!(ring.accept(&wrong, &E1, TODAY).unwrap_err(), Denial::WrongProof("edge".to_owned()));
    let (expired, _) = hello(old.secret(), &E1);
    assert_eq!(ring.accept(&session(&expired), &E1, TODAY).unwrap_err(), Denial::Expired("old".to_owned()));
    let answers: Vec<_> =
        [Denial::Unknown, Denial::WrongProof("edge".to_owned()), Denial::Expired("old".to_owned())]
            .iter()
            .map(Denial::answer)
            .collect();
    assert!(answers.iter().all(|bytes| *bytes == answers[0]));
}

#[test]
fn a_proof_of_one_connection_is_worth_nothing_on_another() {
    let ring = Keyring::new([token("edge", 7)]);
    let (bytes, _) = hello(token("edge", 7).secret(), &E1);
    assert!(ring.accept(&session(&bytes), &E2, TODAY).is_err());
}

#[test]
fn r31_an_agent_without_the_token_cannot_welcome() {
    let (bytes, pending) = hello(token("edge", 7).secret(), &E1);
    // Somebody in between knows another token, or none, and has seen the first frame.
    let (own, _) = hello(token("edge", 8).secret(), &E1);
    let forged = Keyring::new([token("edge", 8)]).accept(&session(&own), &E1, TODAY).unwrap();
    assert_eq!(pending.welcome(answer(&forged.welcome(welcome()))), Err(LinkError::Unproven));
    assert_eq!(pending.welcome(LinkAnswer::Welcome(welcome())), Err(LinkError::Unproven));
    assert_eq!(
        pending.welcome(LinkAnswer::Welcome(Welcome { mac: session(&bytes).mac, ..welcome() })),
        Err(LinkError::Unproven)
    );
    assert_eq!(pending.welcome(LinkAnswer::Denied), Err(LinkError::Denied));
    assert_eq!(pending.welcome(LinkAnswer::Data { mac: [0; 32] }), Err(LinkError::Unexpected));
    // The first frame does not contain the token's name.
    assert!(!bytes.windows(4).any(|four| four == b"edge"));
}

#[test]
fn an_answer_that_was_changed_in_transit_is_refused() {
    let ring = Keyring::new([token("edge", 7)]);
    let (bytes, pending) = hello(token("edge", 7).secret(), &E1);
    let accepted = ring.accept(&session(&bytes), &E1, TODAY).unwrap();
    let LinkAnswer::Welcome(mut changed) = answer(&accepted.welcome(welcome())) else { panic!("no welcome") };
    changed.dead_ms += 1;
    assert_eq!(pending.welcome(LinkAnswer::Welcome(changed)), Err(LinkError::Unproven));
}

#[test]
fn without_a_common_version_both_ranges_are_reported() {
    let ring = Keyring::new([token("edge", 7)]);
    let key = Key::session(token("edge", 7).secret());
    let check = |versions: (u16, u16)| {
        let unsigned = Hello { versions, key_id: key.short_id(), mac: [0; 32] };
        let mac = key.client(&E1, &First::Session(unsigned.clone()));
        ring.accept(&Hello { mac, ..unsigned }, &E1, TODAY).map(|accepted| accepted.version)
    };
    assert_eq!(check((1, 9)), Ok(1));
    assert_eq!(check((0, 1)), Ok(1));
    for (low, high) in [(2, 9), (0, 0), (3, 2)] {
        assert_eq!(check((low, high)), Err(Denial::Versions(low, high)));
    }
    let said = answer(&Denial::Versions(2, 9).answer());
    let (_, pending) = hello(token("edge", 7).secret(), &E1);
    assert_eq!(pending.welcome(said), Err(LinkError::Versions(1, 1)));
}

#[test]
fn a_tunnel_is_attached_by_its_ticket_alone() {
    let ticket = Secret32::new([3; 32]);
    let (bytes, pending) = data_hello(&ticket, &E1);
    let hello = data(&bytes);
    assert_eq!(hello.id, ticket_id(&ticket));
    let accepted = accept_data(&ticket, &hello, &E1).unwrap();
    assert_eq!(pending.data(&answer(&accepted.data())), Ok(()));
    assert!(accept_data(&ticket, &hello, &E2).is_none());
    assert!(accept_data(&Secret32::new([4; 32]), &hello, &E1).is_none());
    assert_eq!(pending.data(&LinkAnswer::Data { mac: [0; 32] }), Err(LinkError::Unproven));
    assert_eq!(pending.data(&LinkAnswer::Denied), Err(LinkError::Denied));
    // The proof of a token is not valid for a ticket, because the keys differ.
    assert_ne!(Key::session(&ticket).id, Key::data(&ticket).id);
    assert_ne!(Key::session(&ticket).key, Key::data(&ticket).key);
}

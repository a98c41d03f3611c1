//! Links over loopback: right, wrong and no token.

use super::*;
use crate::socket::tests::{pair, until_end};
use ftp_proto::listing::When;
use ftp_proto::relay::link::{Denial, Keyring, accept_data};
use ftp_proto::relay::message::Text;
use ftp_proto::relay::token::Token;
use tokio::net::TcpStream;

fn token(byte: u8) -> Token {
    Token::new("edge", None, [byte; 32]).unwrap()
}

fn welcome() -> Welcome {
    let seen_as = "127.0.0.1:1".parse().unwrap();
    Welcome { version: 1, build: Text::of("test"), seen_as, ping_ms: 20_000, dead_ms: 45_000, mac: [0; 32] }
}

/// An agent that knows token 7 and ticket 9, for one connection; afterwards it says "bytes".
async fn agent() -> (TcpStream, tokio::task::JoinHandle<Result<(), Denial>>) {
    let (stream, far) = pair().await;
    let served = tokio::spawn(async move {
        let (mut link, first) = Acceptor::new().unwrap().accept(far).await.unwrap();
        let (answer, result) = match first {
            First::Session(hello) => {
                match Keyring::new([token(7)]).accept(&hello, link.exporter(), When(0)) {
                    Ok(accepted) => (accepted.welcome(welcome()), Ok(())),
                    Err(denial) => (denial.answer(), Err(denial)),
                }
            }
            First::Data(hello) => match accept_data(&Secret32::new([9; 32]), &hello, link.exporter()) {
                Some(accepted) => (accepted.data(), Ok(())),
                None => (Denial::Unknown.answer(), Err(Denial::Unknown)),
            },
        };
        // In one piece: nothing of what comes after the proof may be lost.
        link.send(&[answer.as_slice(), b"bytes"].concat()).await.unwrap();
        link.close().await;
        result
    });
    (stream, served)
}

async fn rest(mut link: Link) -> Vec<u8> {
    let (mut all, mut room) = (Vec::new(), [0; 4]);
    loop {
        match link.receive(&mut room).await.unwrap() {
            0 => return all,
            count => all.extend_from_slice(&room[..count]),
        }
    }
}

#[tokio::test]
async fn a_session_stands_where_both_hold_the_token() {
    let (stream, served) = agent().await;
    let (link, welcomed) = session(stream, token(7).secret()).await.unwrap();
    assert_eq!(welcomed.build.as_str(), "test");
    assert_eq!(rest(link).await, b"bytes");
    assert_eq!(served.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn another_token_is_denied_and_the_agent_knows_why() {
    let (stream, served) = agent().await;
    let failure = session(stream, token(8).secret()).await.unwrap_err();
    assert!(matches!(failure, LinkFailure::Proof(LinkError::Denied)), "{failure:?}");
    assert_eq!(served.await.unwrap(), Err(Denial::Unknown));
}

#[tokio::test]
async fn a_ticket_attaches_and_its_bytes_follow_the_proof() {
    let (stream, served) = agent().await;
    let link = attach(stream, &Secret32::new([9; 32])).await.unwrap();
    let mut rest = Vec::new();
    Connection::from(link).read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"bytes");
    assert_eq!(served.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn an_end_that_speaks_something_else_is_an_error_not_a_wait() {
    let (stream, mut far) = pair().await;
    let served = tokio::spawn(async move {
        far.write_all(b"220 ready\r\n").await.unwrap();
        far.read_u8().await
    });
    let failure = session(stream, token(7).secret()).await.unwrap_err();
    assert!(matches!(failure, LinkFailure::Io(_)), "{failure:?}");
    drop(served.await);
}

/// A hub that knows token 7 as hubs do, and ticket 9, for one connection. To the holder of the ticket it says
/// "bytes" after TLS, and then it returns what comes.
async fn hub() -> (TcpStream, tokio::task::JoinHandle<Vec<u8>>) {
    let (stream, far) = pair().await;
    let served = tokio::spawn(async move {
        let (mut link, first) = Acceptor::hub().unwrap().accept(far).await.unwrap();
        match first {
            First::Session(hello) => {
                let keyring = Keyring::new([token(7).for_hub()]);
                let answer = match keyring.accept(&hello, link.exporter(), When(0)) {
                    Ok(accepted) => accepted.welcome(welcome()),
                    Err(denial) => denial.answer(),
                };
                link.send(&answer).await.unwrap();
                rest(link).await
            }
            First::Data(hello) => {
                let accepted = accept_data(&Secret32::new([9; 32]), &hello, link.exporter()).unwrap();
                link.send(&accepted.data()).await.unwrap();
                let mut clear = link.into_clear().await.unwrap();
                clear.write_all(b"bytes").await.unwrap();
                until_end(&mut clear).await
            }
        }
    });
    (stream, served)
}

#[tokio::test]
async fn who_connects_knows_by_the_handshake_whether_it_meets_a_relay_or_a_hub() {
    let (stream, served) = hub().await;
    let opened = open(stream, &token(7)).await.unwrap();
    let OpenedLink::Hub(mut link, _) = opened else { panic!("{opened:?}") };
    link.close().await;
    assert_eq!(served.await.unwrap(), b"");
    let (stream, served) = agent().await;
    let opened = open(stream, &token(7)).await.unwrap();
    let OpenedLink::Relay(link, _) = opened else { panic!("{opened:?}") };
    assert_eq!(rest(link).await, b"bytes");
    assert_eq!(served.await.unwrap(), Ok(()));
}

#[tokio::test]
async fn r31_a_hub_with_another_token_is_not_believed() {
    let (stream, served) = hub().await;
    let failure = hub_session(stream, &token(8)).await.unwrap_err();
    assert!(failure.is_distrust(), "{failure:?}");
    drop(served);
}

#[tokio::test]
async fn a_call_continues_without_the_tls_of_the_hub_and_loses_no_byte() {
    for _ in 0..20 {
        let (stream, served) = hub().await;
        let mut clear = call(stream, &Secret32::new([9; 32])).await.unwrap();
        clear.write_all(b"first").await.unwrap();
        let mut room = [0; 5];
        clear.read_exact(&mut room).await.unwrap();
        assert_eq!(&room, b"bytes");
        drop(clear);
        assert_eq!(served.await.unwrap(), b"first");
    }
}

#[test]
fn what_is_no_relay_is_told_by_how_it_answers() {
    let of = |error: io::Error| Stranger::of(&error);
    let tls = |error: Error| of(io::Error::new(ErrorKind::InvalidData, error));
    assert_eq!(tls(Error::InvalidMessage(InvalidMessage::InvalidContentType)), Some(Stranger::NotTls));
    let alert = AlertDescription::NoApplicationProtocol;
    assert_eq!(tls(Error::AlertReceived(alert)), Some(Stranger::OtherTls));
    assert_eq!(of(io::Error::new(ErrorKind::InvalidData, NoRelay)), Some(Stranger::OtherTls));
    assert_eq!(of(ErrorKind::TimedOut.into()), Some(Stranger::Silent));
    assert_eq!(of(ErrorKind::UnexpectedEof.into()), Some(Stranger::Closed));
    assert_eq!(of(ErrorKind::NetworkUnreachable.into()), None);
}

//! Connections: bytes that came early inside TLS, both sides, how they end, and urgent bytes in clear.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::link;
use ftp_proto::relay::link::{First, accept_data};
use ftp_proto::relay::token::Secret32;

/// The client's and the server's end of one connection inside TLS.
async fn pair() -> (Connection, Connection) {
    let (near, far) = crate::socket::tests::pair().await;
    let ticket = || Secret32::new([9; 32]);
    let server = async {
        let (mut link, first) = link::Acceptor::new().unwrap().accept(far).await.unwrap();
        let First::Data(hello) = first else { panic!("{first:?}") };
        let answer = accept_data(&ticket(), &hello, link.exporter()).unwrap().data();
        // In one piece with what follows it.
        link.send(&[answer.as_slice(), b"early "].concat()).await.unwrap();
        Connection::from(link)
    };
    let client = async { Connection::from(link::attach(near, &ticket()).await.unwrap()) };
    tokio::join!(client, server)
}

#[tokio::test]
async fn everything_arrives_in_both_directions_and_what_came_early_comes_first() {
    let (mut client, mut server) = pair().await;
    let content: Vec<u8> = (0..3_000_017_u32).map(|n| (n * 7 % 251) as u8).collect();
    let (mut at_client, mut at_server) = (Vec::new(), vec![0; content.len()]);
    let first = async {
        let (mut read, mut write) = tokio::io::split(&mut client);
        let (sent, got) = tokio::join!(
            async {
                write.write_all(&content).await?;
                write.flush().await
            },
            read.read_to_end(&mut at_client)
        );
        sent.and(got).unwrap();
    };
    let second = async {
        server.read_exact(&mut at_server).await.unwrap();
        server.write_all(&content).await.unwrap();
        server.shutdown().await.unwrap();
    };
    tokio::join!(first, second);
    assert!(at_server == content);
    assert_eq!(&at_client[..6], b"early ");
    assert!(at_client[6..] == content);
}

/// The system ends a read before urgent bytes, although more is there: a short read does not mean that nothing more has come.
#[tokio::test]
async fn what_stands_behind_urgent_bytes_is_read_without_further_bytes() {
    let (mut peer, accepted) = crate::socket::tests::pair().await;
    let mut connection = Connection::from(accepted);
    crate::socket::control(connection.socket()).unwrap();
    let reads = async {
        let (mut all, mut room) = (Vec::new(), [0; 1024]);
        while all.len() < 10 {
            let read = tokio::time::timeout(Duration::from_secs(30), connection.read(&mut room)).await;
            all.extend_from_slice(&room[..read.expect("more is there").unwrap()]);
        }
        all
    };
    let sends = async {
        rustix::net::send(&peer, b"\xff\xf4\xff", rustix::net::SendFlags::OOB).unwrap();
        peer.write_all(b"\xf2ABOR\r\n").await.unwrap();
    };
    // The reader waits already.
    let (all, ()) = tokio::join!(reads, sends);
    assert_eq!(all, b"\xff\xf4\xff\xf2ABOR\r\n");
}

#[tokio::test]
async fn i03_an_end_without_close_notify_is_an_error() {
    for in_order in [true, false] {
        let (mut client, mut server) = pair().await;
        if in_order {
            server.shutdown().await.unwrap();
        }
        drop(server);
        let mut all = Vec::new();
        let end = client.read_to_end(&mut all).await;
        assert_eq!(all, b"early ");
        match end {
            Ok(_) => assert!(in_order),
            Err(error) => assert!(!in_order && error.kind() == ErrorKind::UnexpectedEof, "{error}"),
        }
    }
}

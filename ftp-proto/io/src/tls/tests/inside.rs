//! TLS inside TLS, as a control connection through the tunnel of a relay has it.

use super::*;
use crate::socket::tests::until_end;

/// A server whose connections run TLS twice. It returns what it reads to the client, and ends both in order.
async fn echo(server: &Server) {
    let outer = server.accept().await;
    let mut inner = server.acceptor.accept(outer).await.unwrap();
    let all = until_end(&mut inner).await;
    inner.write_all(&all).await.unwrap();
    inner.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_sent_and_received_passes_both_and_each_ends_in_order() {
    let server = Server::start().await;
    let trust = Trust::pinned([server.fingerprint]);
    for versions in [Versions::All, Versions::Tls12] {
        for size in [0, 1, 5_000, 1_000_003] {
            let ((below, _), (above, told)) = (client(&trust, versions), client(&trust, versions));
            let talk = async {
                let link = below.connect(server.dial().await).await.unwrap();
                let mut inside = above.connect(link).await.unwrap();
                assert!(inside.has_tls() && told.lock().unwrap().len() == 1);
                inside.write_all(&content(size)).await.unwrap();
                inside.shutdown().await.unwrap();
                until_end(&mut inside).await
            };
            let (all, ()) = tokio::join!(talk, echo(&server));
            assert!(all == content(size), "{size} bytes with {versions:?}");
        }
    }
}

#[tokio::test]
async fn a_tunnel_that_ends_is_no_end_of_what_it_carries() {
    let server = Server::start().await;
    let trust = Trust::pinned([server.fingerprint]);
    let ((below, _), (above, _)) = (client(&trust, Versions::All), client(&trust, Versions::All));
    let serve = async {
        let mut inner = server.acceptor.accept(server.accept().await).await.unwrap();
        inner.write_all(b"220 ready").await.unwrap();
        inner.flush().await.unwrap();
        // The link ends in order, what it carries does not.
        inner.get_mut().0.shutdown().await.unwrap();
    };
    let talk = async {
        let mut inside = above.connect(below.connect(server.dial().await).await.unwrap()).await.unwrap();
        let mut all = Vec::new();
        (inside.read_to_end(&mut all).await.unwrap_err().kind(), all)
    };
    let ((kind, all), ()) = tokio::join!(talk, serve);
    assert_eq!((kind, all.as_slice()), (ErrorKind::UnexpectedEof, &b"220 ready"[..]));
}

#[tokio::test]
async fn a_tunnel_that_leads_to_somebody_else_is_not_trusted() {
    let server = Server::start().await;
    let (below, _) = client(&Trust::pinned([server.fingerprint]), Versions::All);
    let (above, _) = client(&Trust::pinned([Fingerprint::of(b"another")]), Versions::All);
    let serve = async { server.acceptor.accept(server.accept().await).await.map(drop) };
    let talk = async { above.connect(below.connect(server.dial().await).await.unwrap()).await };
    let (refused, served) = tokio::join!(talk, serve);
    assert!(matches!(refused, Err(Refusal::Untrusted { .. })), "{refused:?}");
    assert!(served.is_err());
}

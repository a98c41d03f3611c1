//! A peer that has got everything, and resets the connection instead of ending it in order.

use std::time::Duration;

use flate2::{Decompress, FlushDecompress, Status};
use socket2::SockRef;
use tokio::io::AsyncRead;

use super::*;
use crate::copy::{Encoded, Encoding, Format, Pieces, send_pieces};
use crate::socket::reset;
use crate::socket::tests::until_end;

/// Lines of a listing.
struct Lines(std::vec::IntoIter<Vec<u8>>);

impl Pieces for Lines {
    fn next(&mut self, room: &mut Vec<u8>) -> std::io::Result<std::ops::ControlFlow<()>> {
        match self.0.next() {
            Some(line) => room.extend(line),
            None => return Ok(std::ops::ControlFlow::Break(())),
        }
        Ok(std::ops::ControlFlow::Continue(()))
    }
}

/// Reads one zlib stream, and not a byte behind it.
async fn inflate(from: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let (mut stream, mut all) = (Decompress::new(true), Vec::new());
    loop {
        let (mut byte, mut room) = ([0], [0; 4096]);
        from.read_exact(&mut byte).await.unwrap();
        let status = stream.decompress(&byte, &mut room, FlushDecompress::None).unwrap();
        let count = usize::try_from(stream.total_out()).unwrap() - all.len();
        all.extend(&room[..count]);
        if status == Status::StreamEnd {
            return all;
        }
    }
}

/// What is sent, and how.
#[derive(Clone, Copy, Debug)]
enum DataKind {
    File,
    Listing,
}

async fn send(what: DataKind, data: Data, encoding: Encoding, bytes: &[u8]) -> CopyEnd {
    let meter = Meter::default();
    match what {
        DataKind::File => {
            let format = Format { encoding, ..Format::default() };
            copy::send(file_with(bytes), 0, data, format, &meter).await.end
        }
        DataKind::Listing => {
            let lines: Vec<_> = bytes.chunks(100).map(<[u8]>::to_vec).collect();
            let lines = Encoded::new(Lines(lines.into_iter()), encoding);
            send_pieces(lines, data, false, &meter).await.0.end
        }
    }
}

#[tokio::test]
async fn e25_a_peer_that_resets_behind_the_end_of_mode_z_may_have_got_everything() {
    let server = Server::start().await;
    let client = logged_in(&server, Versions::All).await.0;
    let content = content(2_000);
    for what in [DataKind::File, DataKind::Listing] {
        let dialled = Data::private(server.dial().await, &client);
        let (end, ()) = tokio::join!(send(what, dialled, Encoding::Zlib, &content), async {
            let mut theirs = server.accept().await;
            assert!(inflate(&mut theirs).await == content);
            reset(theirs.into_inner().0);
        });
        assert!(matches!(end, CopyEnd::Whole), "{what:?} inside TLS: {end:?}");
        let dialled = server.dial().await.into();
        let (end, ()) = tokio::join!(send(what, dialled, Encoding::Zlib, &content), async {
            let (mut theirs, _) = server.listener.accept().await.unwrap();
            assert!(inflate(&mut theirs).await == content);
            reset(theirs);
        });
        assert!(matches!(end, CopyEnd::Whole), "{what:?} in clear: {end:?}");
    }
}

#[tokio::test]
async fn e25_a_peer_that_resets_behind_close_notify_may_have_got_everything() {
    for versions in [Versions::All, Versions::Tls12] {
        let server = Server::start().await;
        let client = logged_in(&server, versions).await.0;
        for what in [DataKind::File, DataKind::Listing] {
            let dialled = Data::private(server.dial().await, &client);
            let (end, ()) = tokio::join!(send(what, dialled, Encoding::None, b"content"), async {
                let mut theirs = server.accept().await;
                let all = until_end(&mut theirs).await;
                assert_eq!(all, b"content");
                reset(theirs.into_inner().0);
            });
            assert!(matches!(end, CopyEnd::Whole), "{what:?} {versions:?}: {end:?}");
        }
    }
}

#[tokio::test]
async fn e25_a_peer_that_resets_behind_the_last_byte_in_clear_has_not_seen_the_end() {
    let server = Server::start().await;
    for what in [DataKind::File, DataKind::Listing] {
        let dialled = server.dial().await.into();
        let (end, ()) = tokio::join!(send(what, dialled, Encoding::None, b"content"), async {
            let (mut theirs, _) = server.listener.accept().await.unwrap();
            theirs.read_exact(&mut [0; 7]).await.unwrap();
            reset(theirs);
        });
        assert!(matches!(end, CopyEnd::Broken(_)), "{what:?}: {end:?}");
    }
}

/// After this time what should have happened has not.
#[cfg(target_os = "linux")]
const WATCHDOG: Duration = Duration::from_secs(60);

/// The peer has room for a small part, and the system keeps the rest.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn e25_a_peer_that_resets_while_the_system_has_bytes_for_it_has_not_got_them() {
    let server = Server::start().await;
    let client = logged_in(&server, Versions::All).await.0;
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    let content: Vec<u8> = noise.take(200_000).collect();
    for (encoding, private) in [(Encoding::Zlib, false), (Encoding::Zlib, true), (Encoding::None, true)] {
        let dialled = server.dial().await;
        SockRef::from(&dialled).set_send_buffer_size(1024 * 1024).unwrap();
        let watched = rustix::io::dup(&dialled).unwrap();
        let data = if private { Data::private(dialled, &client) } else { dialled.into() };
        let (end, ()) = tokio::join!(send(DataKind::File, data, encoding, &content), async {
            let (theirs, _) = server.listener.accept().await.unwrap();
            SockRef::from(&theirs).set_recv_buffer_size(4096).unwrap();
            let theirs =
                if private { server.acceptor.accept(theirs).await.unwrap().into_inner().0 } else { theirs };
            // The sender has looked at what is left, and waits.
            let looked = async {
                while SockRef::from(&watched).tcp_notsent_lowat().unwrap() != 1 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(WATCHDOG, looked).await.expect("the sender looks at what is left");
            reset(theirs);
        });
        assert!(matches!(end, CopyEnd::Broken(_)), "{encoding:?}, private {private}: {end:?}");
    }
}

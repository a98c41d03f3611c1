//! Files that are in memory before they are sent.

use super::*;
use ftp_proto::digest::Algorithm;

#[tokio::test]
async fn what_is_in_memory_arrives_whole_however_large_it_is() {
    for size in [0, 1, 16_384, 8_000_000] {
        let content = sample(size, 3);
        let (here, there) = pair().await;
        let meter = Meter::default();
        let (sent, heard) = tokio::join!(send_whole(&content, here, Coding::Image, &meter), all_of(there));
        assert!(matches!(sent.end, CopyEnd::Whole), "{size}: {:?}", sent.end);
        assert!(sent.bytes == size as u64 && heard == content, "{size}");
    }
}

#[tokio::test]
async fn e10_a_peer_that_resets_has_not_got_what_was_in_memory() {
    let (here, there) = pair().await;
    reset(there);
    let sent = send_whole(&sample(16_384, 3), here, Coding::Image, &Meter::default()).await;
    assert!(matches!(sent.end, CopyEnd::Broken(_)), "{:?}", sent.end);
}

#[tokio::test]
async fn e10_what_is_in_memory_and_stopped_ends_by_reset() {
    let (here, mut there) = pair().await;
    let meter = Meter::default();
    meter.stop();
    let sent = send_whole(&sample(16_384, 3), here, Coding::Image, &meter).await;
    assert!(matches!(sent.end, CopyEnd::Stopped), "{:?}", sent.end);
    let mut heard = Vec::new();
    let end = there.read_to_end(&mut heard).await.unwrap_err();
    assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn what_is_in_memory_is_no_faster_than_its_limit() {
    let content = sample(60_000, 7);
    let clock = crate::clock::Clock::start();
    let (here, there) = pair().await;
    let meter = Meter::limited(vec![crate::limiter::Limiter::new(400_000.try_into().unwrap(), clock)]);
    let (sent, heard) = tokio::join!(send_whole(&content, here, Coding::Image, &meter), all_of(there));
    assert!(matches!(sent.end, CopyEnd::Whole), "{:?}", sent.end);
    assert!(heard == content);
}

#[tokio::test]
async fn what_is_in_memory_crosses_the_connection_as_a_file_does() {
    let digest = Some(Algorithm::Blake3);
    let in_blocks = Format { encoding: blocks(), keep: true, digest, ..Format::default() };
    let ascii = Format { coding: Coding::Ascii, digest, ..Format::default() };
    for format in [Format { digest, ..Format::default() }, in_blocks, ascii] {
        for size in [0, 1, 5_000, 16_384] {
            let content = sample(size, 11);
            let (mut wires, mut moved) = (Vec::new(), Vec::new());
            for in_memory in [true, false] {
                let (here, there) = pair().await;
                let meter = Meter::default();
                let send = async {
                    let sent = match in_memory {
                        true => send_whole(&content, here, format, &meter).await,
                        false => send(file_with(&content), 0, here, format, &meter).await,
                    };
                    assert!(matches!(sent.end, CopyEnd::Whole), "{format:?}: {:?}", sent.end);
                    (sent.bytes, sent.digest, sent.kept.map(KeptConnection::close).is_some())
                };
                let (sent, heard) = tokio::join!(send, all_of(there));
                moved.push(sent);
                wires.push(heard);
            }
            assert!(wires[0] == wires[1], "{format:?}, {size}");
            assert_eq!(moved[0], moved[1], "{format:?}, {size}");
        }
    }
}

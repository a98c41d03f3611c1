//! Files that are in memory before they are sent.

use super::*;

#[tokio::test]
async fn what_is_in_memory_arrives_whole_however_large_it_is() {
    for size in [0, 1, 16_384, 8_000_000] {
        let content = sample(size, 3);
        let (here, mut there) = pair().await;
        let meter = Meter::default();
        let read = async move {
            let mut heard = Vec::new();
            there.read_to_end(&mut heard).await.unwrap();
            heard
        };
        let (sent, heard) = tokio::join!(send_whole(&content, here, &meter), read);
        assert!(matches!(sent.end, Ended::Whole), "{size}: {:?}", sent.end);
        assert!(sent.bytes == size as u64 && heard == content, "{size}");
    }
}

#[tokio::test]
async fn e10_a_peer_that_resets_has_not_got_what_was_in_memory() {
    let (here, there) = pair().await;
    reset(there);
    let sent = send_whole(&sample(16_384, 3), here, &Meter::default()).await;
    assert!(matches!(sent.end, Ended::Broken(_)), "{:?}", sent.end);
}

#[tokio::test]
async fn e10_what_is_in_memory_and_stopped_ends_by_reset() {
    let (here, mut there) = pair().await;
    let meter = Meter::default();
    meter.stop();
    let sent = send_whole(&sample(16_384, 3), here, &meter).await;
    assert!(matches!(sent.end, Ended::Stopped), "{:?}", sent.end);
    let mut heard = Vec::new();
    let end = there.read_to_end(&mut heard).await.unwrap_err();
    assert_eq!(end.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn what_is_in_memory_is_no_faster_than_its_limit() {
    let content = sample(60_000, 7);
    let clock = crate::clock::Clock::start();
    let (here, mut there) = pair().await;
    let meter = Meter::limited(vec![crate::limiter::Limiter::new(400_000.try_into().unwrap(), clock)]);
    let read = async move {
        let mut heard = Vec::new();
        there.read_to_end(&mut heard).await.unwrap();
        heard
    };
    let (sent, heard) = tokio::join!(send_whole(&content, here, &meter), read);
    assert!(matches!(sent.end, Ended::Whole), "{:?}", sent.end);
    assert!(heard == content);
}

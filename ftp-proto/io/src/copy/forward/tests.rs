//! Joins of real loopback connections.

use super::*;
use crate::copy::tests::sample;
use crate::socket::reset;
use crate::socket::tests::{pair, until_end};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;

fn all_strategies() -> Vec<Transit> {
    vec![transit(Digest::Off), Transit::copied(BUFFER).kept(), transit(Digest::Sha256)]
}

/// A forward in a task of its own, and the two ends that it connects.
async fn forwarded(transit: Transit) -> (TcpStream, TcpStream, Meters, tokio::task::JoinHandle<Forwarded>) {
    let (source, from) = pair().await;
    let (to, destination) = pair().await;
    let meters = Meters::default();
    let of_task = meters.clone();
    let task = tokio::spawn(async move { forward_by(transit, from.into(), to.into(), &of_task).await });
    (source, destination, meters, task)
}

async fn whole(transit: Transit, content: &[u8]) {
    let name = format!("{transit:?}, {} bytes", content.len());
    let looked = transit.computes_digest();
    let (mut source, mut destination, meters, task) = forwarded(transit).await;
    let send = async {
        source.write_all(content).await.unwrap();
        drop(source);
    };
    let close = async {
        let Forwarded { bytes, sha256, end } = task.await.unwrap();
        let ForwardEnd::Whole(unclosed) = end else { panic!("{name}: {end:?}") };
        assert!(matches!(unclosed.close(&meters.given).await, CopyEnd::Whole), "{name}");
        (bytes, sha256)
    };
    let receive = async {
        let received = until_end(&mut destination).await;
        drop(destination);
        received
    };
    let ((), (bytes, sha256), received) = tokio::join!(send, close, receive);
    assert!(received == content, "{name}: the bytes differ");
    assert_eq!(bytes, content.len() as u64, "{name}");
    let mut hasher = Sha256::new();
    hasher.update(content);
    assert_eq!(sha256, looked.then(|| crate::hash::hex(hasher)), "{name}");
    assert_eq!((meters.taken.moved(), meters.given.moved()), (bytes, bytes), "{name}");
}

#[tokio::test]
async fn i09_every_byte_arrives_as_it_was_by_every_strategy() {
    for size in [0, 1, 65_537, 5_000_003] {
        for transit in all_strategies() {
            whole(transit, &sample(size, 3)).await;
        }
    }
}

#[tokio::test]
async fn i03_a_reset_of_the_source_resets_the_destination() {
    for transit in all_strategies() {
        let (mut source, mut destination, meters, task) = forwarded(transit).await;
        source.write_all(b"half a file").await.unwrap();
        while meters.given.moved() < 11 {
            yield_now().await;
        }
        reset(source);
        let end = task.await.unwrap().end;
        assert!(matches!(end, ForwardEnd::Source(_)), "{end:?}");
        assert!(destination.read_to_end(&mut Vec::new()).await.is_err());
    }
}

#[tokio::test]
async fn i03_a_whole_file_that_nobody_calls_whole_ends_with_a_reset() {
    let (source, mut destination, _, task) = forwarded(transit(Digest::Off)).await;
    drop(source);
    drop(task.await.unwrap());
    assert!(destination.read_to_end(&mut Vec::new()).await.is_err());
}

#[tokio::test]
async fn i04_a_destination_that_goes_away_ends_the_reading_of_the_source() {
    for transit in all_strategies() {
        let (mut source, destination, _, task) = forwarded(transit).await;
        reset(destination);
        let endless = async {
            let piece = sample(100_000, 3);
            while source.write_all(&piece).await.is_ok() {}
        };
        let (end, ()) = tokio::join!(task, endless);
        let end = end.unwrap().end;
        assert!(matches!(end, ForwardEnd::Destination(_)), "{end:?}");
    }
}

#[tokio::test]
async fn i01_a_destination_that_takes_nothing_stops_the_source() {
    for transit in all_strategies() {
        let (source, destination, meters, task) = forwarded(transit).await;
        let piece = sample(1_000_000, 3);
        let mut sent = 0;
        let full = loop {
            match source.try_write(&piece) {
                Ok(bytes) => sent += bytes,
                Err(_) if meters.taken.moved() > meters.given.moved() => {
                    break meters.taken.moved() - meters.given.moved();
                }
                Err(_) => yield_now().await,
            }
        };
        assert!(full <= 1 << 20, "{full} bytes of {sent} are held");
        meters.stop();
        assert!(matches!(task.await.unwrap().end, ForwardEnd::Stopped));
        drop(destination);
    }
}

#[tokio::test]
async fn stop_wakes_a_flow_whose_source_is_silent_and_resets_both() {
    let (mut source, mut destination, meters, task) = forwarded(transit(Digest::Off)).await;
    yield_now().await;
    meters.stop();
    assert!(matches!(task.await.unwrap().end, ForwardEnd::Stopped));
    assert!(source.read(&mut [0]).await.is_err());
    assert!(destination.read(&mut [0]).await.is_err());
}

#[tokio::test]
async fn more_flows_than_threads_all_arrive_whole() {
    let content = sample(3_000_017, 3);
    let all = (0..20).map(|number| {
        let content = content.clone();
        async move { whole(all_strategies().swap_remove(number % 3), &content).await }
    });
    let mut tasks: tokio::task::JoinSet<()> = all.collect();
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[tokio::test]
async fn dropping_a_flow_resets_both() {
    let (mut source, mut destination, meters, task) = forwarded(transit(Digest::Off)).await;
    source.write_all(b"half a file").await.unwrap();
    while meters.given.moved() < 11 {
        yield_now().await;
    }
    task.abort();
    assert!(destination.read_to_end(&mut Vec::new()).await.is_err());
    assert!(source.read(&mut [0]).await.is_err());
}

//! Half-closes, resets, tails and limits of two connections that are joined.

use super::*;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::task::{JoinHandle, yield_now};

use crate::copy::tests::sample;
use crate::socket::reset;
use crate::socket::tests::{pair, until_end};

/// The two far ends, and the join that joins the near ones. Without pipes bytes are copied; with another join it shares the
/// pipes of that one.
async fn joined(
    other: Option<&Join>,
    limit: u64,
    pipes: usize,
) -> (TcpStream, TcpStream, Join, JoinHandle<(JoinEnd, Option<(LegId, u64)>)>) {
    let ((a, far_a), (b, far_b)) = (pair().await, pair().await);
    let join = Join {
        forth: Meters::default(),
        back: Meters::default(),
        limit,
        volumes: Vec::new(),
        #[cfg(target_os = "linux")]
        pipes: other.map_or_else(|| Pipes::new(pipes), |other| other.pipes.clone()),
        digests: None,
    };
    let running = join.clone();
    let task = tokio::spawn(async move {
        let mut half = None;
        let end = running.run(a, b, |which, bytes| half = Some((which, bytes))).await;
        (end, half)
    });
    (far_a, far_b, join, task)
}

const MODES: [usize; 3] = [0, 64 * 1024, 1024 * 1024];

#[tokio::test]
async fn r05_r15_a_half_close_is_passed_on_and_the_other_direction_goes_on() {
    for pipes in MODES {
        let (mut a, mut b, _, task) = joined(None, u64::MAX, pipes).await;
        a.write_all(b"ask").await.unwrap();
        a.shutdown().await.unwrap();
        let asked = until_end(&mut b).await;
        b.write_all(b"answer").await.unwrap();
        drop(b);
        let answer = until_end(&mut a).await;
        assert_eq!((asked.as_slice(), answer.as_slice()), (b"ask".as_slice(), b"answer".as_slice()));
        let (end, half) = task.await.unwrap();
        assert!(matches!(end, JoinEnd::Whole), "{end:?}");
        assert_eq!(half, Some((LegId::A, 3)));
    }
}

#[tokio::test]
async fn r12_r13_a_reset_of_one_end_is_a_reset_of_the_other() {
    for pipes in MODES {
        for sender_breaks in [true, false] {
            let (mut a, mut b, _, task) = joined(None, u64::MAX, pipes).await;
            a.write_all(&[7; 100_000]).await.unwrap();
            let mut some = [0; 1_000];
            b.read_exact(&mut some).await.unwrap();
            let mut other = if sender_breaks {
                reset(a);
                b
            } else {
                reset(b);
                a
            };
            let mut rest = Vec::new();
            let error = other.read_to_end(&mut rest).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "pipes {pipes}, sender {sender_breaks}");
            let (end, half) = task.await.unwrap();
            let broken = if sender_breaks { LegId::A } else { LegId::B };
            assert!(matches!(end, JoinEnd::Broken(which, _) if which == broken), "{end:?}");
            assert_eq!(half, None);
        }
    }
}

#[tokio::test]
async fn r13_what_a_reset_connection_has_sent_reaches_nobody_else() {
    for pipes in MODES {
        let (_, _, join, _) = joined(None, u64::MAX, pipes).await;
        for _ in 0..4 {
            // Both the bytes and the reset are there before anything is read.
            let ((near, mut far), (other, mut far_other)) = (pair().await, pair().await);
            far.write_all(&[7; 10_000]).await.unwrap();
            reset(far);
            near.ready(Interest::ERROR).await.unwrap();
            let end = join.clone().run(near, other, |_, _| {}).await;
            assert!(matches!(end, JoinEnd::Broken(LegId::A, _)), "{end:?}");
            assert!(far_other.read_to_end(&mut Vec::new()).await.is_err());
        }
        let ((near, mut far), (other, mut far_other)) = (pair().await, pair().await);
        far.write_all(b"mine").await.unwrap();
        drop(far);
        let running = join.clone();
        let task = tokio::spawn(async move { running.run(near, other, |_, _| {}).await });
        let got = until_end(&mut far_other).await;
        assert_eq!(got, b"mine", "pipes {pipes}");
        drop(far_other);
        assert!(matches!(task.await.unwrap(), JoinEnd::Whole));
    }
}

#[tokio::test]
async fn r14_r18_small_pieces_to_a_slow_reader_arrive_to_the_last_byte() {
    let data = sample(3 << 20, 3);
    for pipes in MODES {
        let (mut a, mut b, _, task) = joined(None, u64::MAX, pipes).await;
        a.set_nodelay(true).unwrap();
        let sent = data.clone();
        let sender = tokio::spawn(async move {
            let (mut at, mut size) = (0, 1);
            while at < sent.len() {
                let end = (at + size).min(sent.len());
                a.write_all(&sent[at..end]).await.unwrap();
                (at, size) = (end, 1 + (size * 7) % 1_460);
            }
            a.shutdown().await.unwrap();
            a
        });
        let (mut got, mut room) = (Vec::new(), [0; 3_000]);
        loop {
            let count = b.read(&mut room).await.unwrap();
            if count == 0 {
                break;
            }
            got.extend_from_slice(&room[..count]);
            for _ in 0..8 {
                yield_now().await;
            }
        }
        assert!(got == data, "pipes {pipes}: {} of {} bytes", got.len(), data.len());
        drop(b);
        drop(sender.await.unwrap());
        assert!(matches!(task.await.unwrap().0, JoinEnd::Whole));
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn r19_where_one_join_has_the_only_pipe_the_others_carry_every_byte() {
    const JOINS: usize = 4;
    let data = sample(4 << 20, 3);
    let (mut receivers, mut tasks): (Vec<(TcpStream, Join)>, Vec<_>) = (Vec::new(), Vec::new());
    for _ in 0..JOINS {
        let first = receivers.first().map(|(_, join)| join);
        let (mut a, b, join, task) = joined(first, u64::MAX, 64 * 1024).await;
        // Little room in the system, so that all of it is full while nobody reads.
        SockRef::from(&b).set_recv_buffer_size(16 * 1024).unwrap();
        let sent = data.clone();
        let sender = tokio::spawn(async move {
            a.write_all(&sent).await.unwrap();
            a.shutdown().await.unwrap();
            a
        });
        receivers.push((b, join));
        tasks.push((sender, task));
    }
    let pipes = receivers[0].1.pipes.clone();
    let is_lent = || pipes.take().map(|pipe| pipes.give(pipe)).is_none();
    // Each of them holds bytes that nobody takes, so each needs a pipe at the same time.
    while receivers.iter().any(|(_, join)| join.moved()[0] < 64 * 1024) || !is_lent() {
        yield_now().await;
    }
    let read = receivers.into_iter().map(|(mut b, _)| {
        SockRef::from(&b).set_recv_buffer_size(1 << 20).unwrap();
        tokio::spawn(async move { until_end(&mut b).await })
    });
    for got in read.collect::<Vec<_>>() {
        let got = got.await.unwrap();
        assert!(got == data, "{} of {} bytes", got.len(), data.len());
    }
    for (sender, task) in tasks {
        drop(sender.await.unwrap());
        assert!(matches!(task.await.unwrap().0, JoinEnd::Whole));
    }
}

#[tokio::test]
async fn r33_one_byte_more_than_allowed_resets_both() {
    for pipes in MODES {
        for (bytes, whole) in [(5_000, true), (5_001, false)] {
            let (mut a, mut b, join, task) = joined(None, 5_000, pipes).await;
            a.write_all(&vec![1; bytes]).await.unwrap();
            a.shutdown().await.unwrap();
            let mut got = Vec::new();
            let end = b.read_to_end(&mut got).await;
            assert_eq!(end.is_ok(), whole, "pipes {pipes}, {bytes} bytes");
            drop(b);
            let end = task.await.unwrap().0;
            assert_eq!(matches!(end, JoinEnd::Whole), whole, "{end:?}");
            assert_eq!(matches!(end, JoinEnd::Limit), !whole, "{end:?}");
            assert!(join.moved()[1] <= 5_000);
        }
    }
}

#[tokio::test]
async fn stopping_resets_both() {
    let (mut a, mut b, join, task) = joined(None, u64::MAX, 0).await;
    a.write_all(b"x").await.unwrap();
    b.read_u8().await.unwrap();
    join.stop();
    assert!(matches!(task.await.unwrap().0, JoinEnd::Stopped));
    for end in [&mut a, &mut b] {
        assert_eq!(end.read_u8().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn r04_a_direction_that_waits_holds_no_pipe_and_a_full_one_holds_no_memory() {
    let (mut a, b, join, task) = joined(None, u64::MAX, 1024 * 1024).await;
    a.write_all(b"x").await.unwrap();
    b.readable().await.unwrap();
    #[cfg(target_os = "linux")]
    {
        // The one pipe there is: the direction that had it has given it back, or is about to.
        let pipe = loop {
            if let Some(pipe) = join.pipes.take() {
                break pipe;
            }
            yield_now().await;
        };
        join.pipes.give(pipe);
    }
    task.abort();
}

#[tokio::test]
async fn r61_the_digests_of_both_directions_are_those_of_their_bytes() {
    let ((a, mut far_a), (b, mut far_b)) = (pair().await, pair().await);
    let digests = Digests::default();
    let join = Join { digests: Some(digests.clone()), ..joined(None, u64::MAX, 1024 * 1024).await.2 };
    let task = tokio::spawn(async move { join.run(a, b, |_, _| {}).await });
    assert_eq!(digests.both(), None);
    far_a.write_all(b"abc").await.unwrap();
    far_a.shutdown().await.unwrap();
    let came = until_end(&mut far_b).await;
    assert_eq!(came, b"abc");
    far_b.shutdown().await.unwrap();
    assert!(matches!(task.await.unwrap(), JoinEnd::Whole));
    let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(digests.both(), Some([of_abc, of_nothing].map(str::to_owned)));
}

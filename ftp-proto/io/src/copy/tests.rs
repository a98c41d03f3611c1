//! Copies over real loopback connections.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::StreamExt;

use super::*;
use crate::socket::reset;
use crate::socket::tests::{pair, until_end};

mod digested;
mod kept;
mod limited;
mod listing;
mod ready;
mod small;

pub(crate) fn file_with(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

/// A listing of ready pieces.
struct ReadyPieces<I>(I);

impl<I: Iterator<Item = Vec<u8>> + Send + 'static> Pieces for ReadyPieces<I> {
    fn next(&mut self, room: &mut Vec<u8>) -> io::Result<ControlFlow<()>> {
        let Some(piece) = self.0.next() else { return Ok(ControlFlow::Break(())) };
        room.extend_from_slice(&piece);
        Ok(ControlFlow::Continue(()))
    }
}

pub(crate) fn content_of(mut file: File) -> Vec<u8> {
    let mut content = Vec::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut content).unwrap();
    content
}

/// Bytes in which no position looks like its neighbours, with line ends here and there.
pub(crate) fn sample(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match (state >> 33) as u8 {
            0..8 => b'\n',
            8..12 => b'\r',
            other => other,
        }
    };
    std::iter::repeat_with(next).take(size).collect()
}

/// Takes everything up to the end.
async fn all_of(mut there: TcpStream) -> Vec<u8> {
    until_end(&mut there).await
}

/// Waits until so many bytes have moved.
async fn moved(meter: &Meter, bytes: u64) {
    while meter.moved() < bytes {
        tokio::task::yield_now().await;
    }
}

/// What a file of TYPE A becomes that comes as these bytes.
fn from_wire(wire: &[u8]) -> Vec<u8> {
    let mut local = Vec::new();
    let mut coding = ftp_proto::coding::FromWire::default();
    coding.push(wire, &mut local);
    coding.finish(&mut local);
    local
}

fn on_wire(local: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    ftp_proto::coding::ToWire::default().push(local, &mut wire);
    wire
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn every_strategy_to_send_and_to_receive_gives_the_same_bytes(
        size in prop_oneof![0usize..3, 0usize..5_000, 0usize..3_000_000],
        seed in any::<u64>(),
        offset in any::<prop::sample::Index>(),
    ) {
        let content = sample(size, seed);
        let offset = offset.index(size + 1);
        for out in send::all_strategies() {
            for into in receive::all_strategies() {
                let name = format!("{out:?} to {into:?}");
                let (moved, received, file) = run(async {
                    let (here, there) = pair().await;
                    let (out_meter, in_meter) = (Meter::default(), Meter::default());
                    let (sent, (got, file)) = tokio::join!(
                        send::send_by(
                            out.again(),
                            (file_with(&content), offset as u64..u64::MAX),
                            here.into(),
                            &out_meter,
                        ),
                        receive::receive_by(into.again(), there.into(), tempfile::tempfile().unwrap(), &in_meter),
                    );
                    (sent, got, content_of(file))
                });
                prop_assert!(matches!(moved.end, CopyEnd::Whole), "{name}: {:?}", moved.end);
                prop_assert!(matches!(received.end, CopyEnd::Whole), "{name}: {:?}", received.end);
                prop_assert_eq!(moved.bytes, received.bytes, "{}", &name);
                let tail = &content[offset..];
                let wire = if out.is_ascii() { on_wire(tail) } else { tail.to_vec() };
                prop_assert_eq!(moved.bytes, wire.len() as u64, "{}", &name);
                let expect = if into.is_ascii() { from_wire(&wire) } else { wire };
                prop_assert!(file == expect, "{name}: the bytes differ");
            }
        }
    }

    #[test]
    fn the_pieces_in_which_bytes_arrive_make_no_difference(
        pieces in prop::collection::vec(1usize..70_000, 0..20),
        seed in any::<u64>(),
    ) {
        let wire = sample(pieces.iter().sum(), seed);
        for into in receive::all_strategies() {
            let file = run(async {
                let (mut here, there) = pair().await;
                let write = async {
                    let mut rest = wire.as_slice();
                    for size in &pieces {
                        let (piece, after) = rest.split_at(*size);
                        here.write_all(piece).await.unwrap();
                        rest = after;
                    }
                    drop(here);
                };
                let meter = Meter::default();
                let receive = receive::receive_by(into.again(), there.into(), tempfile::tempfile().unwrap(), &meter);
                let ((moved, file), ()) = tokio::join!(receive, write);
                assert!(matches!(moved.end, CopyEnd::Whole), "{:?}", moved.end);
                content_of(file)
            });
            let expect = if into.is_ascii() { from_wire(&wire) } else { wire.clone() };
            prop_assert!(file == expect, "{into:?}: the bytes differ");
        }
    }

    #[test]
    fn a_listing_arrives_line_by_line_as_it_was_sent(
        sent in prop::collection::vec(prop::collection::vec(0x20u8..0x7f, 1..300), 0..2_000),
    ) {
        let received: Vec<Vec<u8>> = run(async {
            let (here, there) = pair().await;
            let ended: Vec<_> = sent.iter().map(|line| [line.as_slice(), b"\r\n"].concat()).collect();
            let meter = Meter::default();
            let ((moved, _), received) = tokio::join!(
                send_pieces(ReadyPieces(ended.into_iter()), here, false, &meter),
                lines(there, None, 300, &Meter::default()).map(Result::unwrap).collect::<Vec<_>>(),
            );
            assert!(matches!(moved.end, CopyEnd::Whole), "{:?}", moved.end);
            assert_eq!(moved.bytes, sent.iter().map(|line| line.len() as u64 + 2).sum::<u64>());
            received
        });
        prop_assert_eq!(received, sent);
    }
}

#[tokio::test]
async fn e10_a_reset_in_mid_file_is_broken_and_not_the_end_of_the_file() {
    for into in receive::all_strategies() {
        let (mut here, there) = pair().await;
        let meter = Meter::default();
        let receive = receive::receive_by(into.again(), there.into(), tempfile::tempfile().unwrap(), &meter);
        let cut = async {
            here.write_all(&[7; 100_000]).await.unwrap();
            moved(&meter, 100_000).await;
            reset(here);
        };
        let ((moved, file), ()) = tokio::join!(receive, cut);
        assert!(matches!(moved.end, CopyEnd::Broken(_)), "{into:?}: {:?}", moved.end);
        assert_eq!(content_of(file).len(), 100_000, "{into:?}");
    }
}

#[tokio::test]
async fn a_file_that_is_opened_for_appending_is_appended_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, b"old,").unwrap();
    let wire = sample(3_000_000, 9);
    let (mut here, there) = pair().await;
    let write = async {
        here.write_all(&wire).await.unwrap();
        drop(here);
    };
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    let meter = Meter::default();
    let ((moved, _), ()) = tokio::join!(receive(there, file, Coding::Image, &meter), write);
    assert!(matches!(moved.end, CopyEnd::Whole), "{:?}", moved.end);
    assert!(std::fs::read(&path).unwrap() == [b"old,", wire.as_slice()].concat());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_a_failure_of_the_file_and_the_sender_sees_a_reset() {
    for into in receive::all_strategies() {
        let (here, there) = pair().await;
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (in_meter, out_meter) = (Meter::default(), Meter::default());
        let ((got, _), sent) = tokio::join!(
            receive::receive_by(into.again(), there.into(), full, &in_meter),
            send(file_with(&sample(20_000_000, 3)), 0, here, Coding::Image, &out_meter),
        );
        let CopyEnd::File(error) = got.end else { panic!("{into:?}: {:?}", got.end) };
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{into:?}");
        assert!(matches!(sent.end, CopyEnd::Broken(_)), "{into:?}: {:?}", sent.end);
    }
}

#[tokio::test]
async fn a_file_that_becomes_shorter_is_a_failure_and_the_receiver_sees_a_reset() {
    for out in send::all_strategies() {
        let (ours, mut theirs) = pair().await;
        let file = file_with(&vec![b'x'; 16 << 20]);
        let same = file.try_clone().unwrap();
        let meter = Meter::default();
        let copy = send::send_by(out, (file, 0..u64::MAX), ours.into(), &meter);
        let peer = async {
            theirs.read_exact(&mut [0]).await.unwrap();
            same.set_len(10).unwrap();
            theirs.read_to_end(&mut Vec::new()).await
        };
        let (moved, heard) = tokio::join!(copy, peer);
        assert!(matches!(moved.end, CopyEnd::File(error) if error.kind() == io::ErrorKind::UnexpectedEof));
        assert_eq!(heard.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_peer_that_resets_after_the_last_byte_has_not_got_the_whole_file() {
    let (here, mut there) = pair().await;
    let meter = Meter::default();
    let peer = async {
        let mut first = [0; 10];
        there.read_exact(&mut first).await.unwrap();
        reset(there);
    };
    let (sent, ()) = tokio::join!(send(file_with(&[1; 20]), 0, here, Coding::Image, &meter), peer);
    assert!(matches!(sent.end, CopyEnd::Broken(_)), "{:?}", sent.end);
}

#[tokio::test]
async fn stop_wakes_a_sender_whose_peer_reads_nothing_and_the_peer_sees_a_reset() {
    for out in send::all_strategies() {
        let (here, mut there) = pair().await;
        let meter = Meter::default();
        let send =
            send::send_by(out.again(), (file_with(&sample(30_000_000, 5)), 0..u64::MAX), here.into(), &meter);
        let stop = async {
            moved(&meter, 1).await;
            meter.stop();
        };
        let (sent, ()) = tokio::join!(send, stop);
        assert!(matches!(sent.end, CopyEnd::Stopped), "{out:?}: {:?}", sent.end);
        assert!(there.read_to_end(&mut Vec::new()).await.is_err(), "{out:?}");
    }
}

#[tokio::test]
async fn stop_wakes_a_receiver_whose_peer_is_silent_and_the_peer_sees_a_reset() {
    for into in receive::all_strategies() {
        let (mut here, there) = pair().await;
        let meter = Meter::default();
        let receive = receive::receive_by(into.again(), there.into(), tempfile::tempfile().unwrap(), &meter);
        let stop = async {
            here.write_all(b"abc").await.unwrap();
            moved(&meter, 3).await;
            meter.stop();
        };
        let ((moved, _), ()) = tokio::join!(receive, stop);
        assert!(matches!(moved.end, CopyEnd::Stopped), "{into:?}: {:?}", moved.end);
        assert!(here.read(&mut [0]).await.is_err(), "{into:?}");
    }
}

#[tokio::test]
async fn a_copy_that_was_stopped_before_it_began_moves_nothing() {
    let (here, mut there) = pair().await;
    let meter = Meter::default();
    meter.stop();
    let sent = send(file_with(b"abc"), 0, here, Coding::Image, &meter).await;
    assert!(matches!(sent.end, CopyEnd::Stopped), "{:?}", sent.end);
    assert!(there.read(&mut [0]).await.is_err());
}

#[tokio::test]
async fn a_peer_that_pauses_longer_than_a_burst_waits_loses_nothing() {
    let content = sample(30_000_000, 11);
    let (here, mut there) = pair().await;
    let meter = Meter::default();
    // Takes all there is, then nothing until the sender has given its thread back.
    let slow = async {
        let mut received = Vec::new();
        let mut piece = vec![0; 1_000_000];
        let mut pauses = 0;
        while received.len() < content.len() {
            pauses += 1;
            let parked = async {
                while meter.parked() < pauses && meter.moved() < content.len() as u64 {
                    tokio::task::yield_now().await;
                }
            };
            // The kernel wakes no sender for a little room, so it may still be parked.
            drop(tokio::time::timeout(Duration::from_millis(100), parked).await);
            there.readable().await.unwrap();
            while let Ok(read) = there.try_read(&mut piece) {
                received.extend_from_slice(&piece[..read]);
                if read == 0 {
                    break;
                }
            }
        }
        assert_eq!(there.read(&mut piece).await.unwrap(), 0);
        drop(there);
        received
    };
    let (sent, received) = tokio::join!(send(file_with(&content), 0, here, Coding::Image, &meter), slow);
    assert!(matches!(sent.end, CopyEnd::Whole), "{:?}", sent.end);
    assert!(meter.parked() > 1);
    assert!(received == content);
}

#[tokio::test]
async fn a_peer_that_trickles_holds_no_thread_and_loses_nothing() {
    for into in receive::all_strategies() {
        let (mut here, there) = pair().await;
        let meter = Meter::default();
        let receive = receive::receive_by(into.again(), there.into(), tempfile::tempfile().unwrap(), &meter);
        let trickle = async {
            let mut sent = 0;
            while meter.parked() < 3 {
                here.write_all(b"x").await.unwrap();
                sent += 1;
                moved(&meter, sent).await;
            }
            drop(here);
            sent
        };
        let ((moved, file), sent) = tokio::join!(receive, trickle);
        assert!(matches!(moved.end, CopyEnd::Whole), "{into:?}: {:?}", moved.end);
        assert_eq!(content_of(file).len() as u64, sent, "{into:?}");
    }
}

#[tokio::test]
async fn dropping_a_copy_resets_the_connection() {
    let (here, mut there) = pair().await;
    let meter = Meter::default();
    let watch = meter.clone();
    let copy =
        tokio::spawn(
            async move { send(file_with(&sample(30_000_000, 8)), 0, here, Coding::Image, &meter).await },
        );
    moved(&watch, 1).await;
    copy.abort();
    assert!(copy.await.unwrap_err().is_cancelled());
    assert!(there.read_to_end(&mut Vec::new()).await.is_err());
}

#[tokio::test]
async fn stop_wakes_a_listing_whose_peer_reads_nothing() {
    let (here, mut there) = pair().await;
    let meter = Meter::default();
    let endless = ReadyPieces(std::iter::repeat_with(|| b"a line\r\n".to_vec()));
    let stop = async {
        moved(&meter, 100_000).await;
        meter.stop();
    };
    let ((sent, _), ()) = tokio::join!(send_pieces(endless, here, false, &meter), stop);
    assert!(matches!(sent.end, CopyEnd::Stopped), "{:?}", sent.end);
    assert!(there.read_to_end(&mut Vec::new()).await.is_err());
}

#[tokio::test]
async fn a_limit_ends_what_is_sent_and_refuses_what_is_received_beyond_it() {
    let content = sample(600_000, 9);
    for coding in [Coding::Image, Coding::Ascii] {
        for limit in [0, 1, 300_000, 600_000, 700_000] {
            let (here, mut there) = pair().await;
            let format = Format { limit: Some(limit), ..coding.into() };
            let (meter, mut got) = (Meter::default(), Vec::new());
            let (sent, read) = tokio::join!(send(file_with(&content), 0, here, format, &meter), async {
                let read = there.read_to_end(&mut got).await;
                drop(there);
                read
            });
            read.unwrap();
            assert!(matches!(sent.end, CopyEnd::Whole), "{:?}", sent.end);
            let part = &content[..content.len().min(limit as usize)];
            assert!(got == if coding == Coding::Image { part.to_vec() } else { on_wire(part) }, "{limit}");
        }
    }
    for (limit, fits) in [(4, false), (5, true), (6, true)] {
        let (mut here, there) = pair().await;
        here.write_all(b"12345").await.unwrap();
        drop(here);
        let format = Format { limit: Some(limit), ..Format::default() };
        let (moved, _) = receive(there, tempfile::tempfile().unwrap(), format, &Meter::default()).await;
        assert_eq!(matches!(moved.end, CopyEnd::Whole), fits, "{limit}: {:?}", moved.end);
        assert_eq!(matches!(moved.end, CopyEnd::File(_)), !fits, "{limit}: {:?}", moved.end);
    }
}

#[tokio::test]
async fn a_listing_that_cannot_be_read_further_is_a_failure_of_the_file_and_its_end_is_a_reset() {
    struct Failing(u32);

    impl Pieces for Failing {
        fn next(&mut self, room: &mut Vec<u8>) -> io::Result<ControlFlow<()>> {
            self.0 += 1;
            room.extend_from_slice(b"a line\r\n");
            if self.0 > 3 { Err(io::Error::other("broken")) } else { Ok(ControlFlow::Continue(())) }
        }
    }

    let ((here, mut there), meter) = (pair().await, Meter::default());
    let ((moved, failing), read) = tokio::join!(send_pieces(Failing(0), here, false, &meter), async {
        there.read_to_end(&mut Vec::new()).await
    });
    assert!(matches!(&moved.end, CopyEnd::File(error) if error.to_string() == "broken"), "{:?}", moved.end);
    assert_eq!((moved.bytes, failing.0), (24, 4), "what was made with the error is not sent");
    assert!(read.is_err());
}

/// Sends `content` in `format` and receives it in the same.
async fn through(content: &[u8], format: Format) -> (CopyReport, CopyReport, Vec<u8>) {
    let (here, there) = pair().await;
    let (out, into) = (Meter::default(), Meter::default());
    let (sent, (received, file)) = tokio::join!(
        send(file_with(content), 0, here, format, &out),
        receive(there, tempfile::tempfile().unwrap(), format, &into)
    );
    (sent, received, content_of(file))
}

fn blocks() -> Encoding {
    Encoding::Block(BlockCodes::of(ftp_proto::dialect::Dialect::Rfc959))
}

#[tokio::test]
async fn e13_a_file_in_blocks_ends_with_its_last_block_and_not_with_the_connection() {
    let content = sample(700_000, 7);
    let format = Format { encoding: blocks(), ..Format::default() };
    let (sent, received, file) = through(&content, format).await;
    assert!(matches!((&sent.end, &received.end), (CopyEnd::Whole, CopyEnd::Whole)));
    assert!(file == content);
    // The other end may keep the connection for the next file.
    let (mut here, there) = pair().await;
    here.write_all(&[0, 0, 1, b'a', 64, 0, 0]).await.unwrap();
    let (moved, file) = receive(there, tempfile::tempfile().unwrap(), format, &Meter::default()).await;
    assert!(matches!(moved.end, CopyEnd::Whole), "{:?}", moved.end);
    assert_eq!(content_of(file), b"a");
    let (mut here, there) = pair().await;
    here.write_all(&[0, 0, 3, b'a', b'b', b'c']).await.unwrap();
    drop(here);
    let (moved, _) = receive(there, tempfile::tempfile().unwrap(), format, &Meter::default()).await;
    assert!(matches!(moved.end, CopyEnd::Broken(_)), "{:?}", moved.end);
}

#[tokio::test]
async fn a_file_comes_out_of_a_compressed_connection_as_it_went_in() {
    for coding in [Coding::Image, Coding::Ascii] {
        for size in [0, 1, 70_000, 3_000_000] {
            // Files with LF only, because TYPE A makes the same of CR LF.
            let mut content = sample(size, 3);
            content.retain(|byte| *byte != b'\r');
            content.extend(std::iter::repeat_n(b'x', size));
            let format = Format { encoding: Encoding::Zlib, ..coding.into() };
            let (sent, received, file) = through(&content, format).await;
            assert!(matches!((&sent.end, &received.end), (CopyEnd::Whole, CopyEnd::Whole)), "{received:?}");
            assert!(file == content, "{coding:?} {size}");
            assert!(received.bytes < content.len() as u64 + 100, "{} bytes", received.bytes);
        }
    }
}

#[tokio::test]
async fn a_digest_is_that_of_the_bytes_of_the_file_on_both_sides() {
    use ftp_proto::digest::Algorithm;
    let content = sample(700_000, 4);
    for algorithm in Algorithm::ALL {
        let mut digester = crate::hash::Digester::new(algorithm);
        digester.update(&content);
        let expect = Some((digester.hex(), content.len() as u64));
        for encoding in [Encoding::None, Encoding::Zlib, blocks()] {
            let format = Format { digest: Some(algorithm), encoding, ..Format::default() };
            let (sent, received, _) = through(&content, format).await;
            assert_eq!((&sent.digest, &received.digest), (&expect, &expect), "{algorithm:?} {encoding:?}");
        }
    }
}

#[tokio::test]
async fn a_compressed_stream_that_is_cut_damaged_continued_or_a_bomb_is_no_file() {
    let deflated = |content: &[u8]| {
        let (mut writer, mut out) = (coding::ModeWriter::new(Encoding::Zlib).unwrap(), Vec::new());
        writer.encode(content, true, &mut out).unwrap();
        out
    };
    let whole = deflated(&sample(50_000, 6));
    let mut damaged = whole.clone();
    damaged[25_000] ^= 0xff;
    let bomb = deflated(&vec![0; 80 << 20]);
    for (name, stream) in [
        ("cut", whole[..whole.len() - 1].to_vec()),
        ("empty", Vec::new()),
        ("damaged", damaged),
        ("continued", [whole.as_slice(), b"x"].concat()),
        ("plain", b"this is no zlib stream".to_vec()),
        ("bomb", bomb),
    ] {
        let (mut here, there) = pair().await;
        let format = Format { encoding: Encoding::Zlib, ..Format::default() };
        let meter = Meter::default();
        let send = async move {
            let _ = here.write_all(&stream).await;
        };
        let ((), (moved, _)) =
            tokio::join!(send, receive(there, tempfile::tempfile().unwrap(), format, &meter));
        let CopyEnd::Broken(error) = &moved.end else { panic!("{name}: {:?}", moved.end) };
        assert_eq!(is_bad_coding(error), !["cut", "empty"].contains(&name), "{name}");
        assert_eq!(moved.bytes > 0, name != "empty", "{name}: what has come is counted");
    }
}

//! Files that have come, whole or in part, before their copy begins.

use super::*;
use crate::tls::Data;
use tempfile::tempfile;

/// Waits until so many bytes have come and nothing of them was taken.
async fn come(there: &TcpStream, count: usize) {
    let mut room = vec![0; count];
    while there.peek(&mut room).await.unwrap() < count {
        tokio::task::yield_now().await;
    }
}

fn in_blocks() -> Format {
    let digest = Some(Algorithm::Blake3);
    Format { encoding: blocks(), keep: true, digest, ..Format::default() }
}

#[tokio::test]
async fn a_file_that_has_come_needs_no_wait_and_the_next_one_stays_on_the_connection() {
    let (mut here, there) = pair().await;
    let wire = [0, 0, 1, b'a', 64, 0, 0];
    here.write_all(&[wire, wire].concat()).await.unwrap();
    come(&there, 14).await;
    let mut data: Data = there.into();
    for _ in 0..2 {
        let receipt = Receipt::new(data, tempfile().unwrap(), in_blocks());
        let ReceiptProgress::Ended(got, file) = receipt.take_ready(&Meter::default()) else {
            panic!("all of it has come")
        };
        assert!(matches!(got.end, CopyEnd::Whole), "{:?}", got.end);
        assert_eq!((content_of(file), got.bytes), (b"a".to_vec(), 7));
        let digest = blake3::hash(b"a").to_hex().to_string();
        assert_eq!(got.digest, Some((digest, 1)));
        data = got.kept.expect("the connection is kept").into();
    }
    let receipt = Receipt::new(data, tempfile().unwrap(), in_blocks());
    assert!(
        matches!(receipt.take_ready(&Meter::default()), ReceiptProgress::More(_)),
        "there is no third file"
    );
}

#[tokio::test]
async fn what_has_come_and_what_follows_are_one_file() {
    let content = sample(300_000, 9);
    for format in [Format::default(), in_blocks(), Coding::Ascii.into()] {
        let (mut here, there) = pair().await;
        // As our own sender puts it on the connection.
        let wire = coding::Encoder::new(&format).encode_whole(&content).unwrap().wire;
        let (first, rest) = wire.split_at(5_000);
        here.write_all(first).await.unwrap();
        come(&there, first.len()).await;
        let meter = Meter::default();
        let receipt = Receipt::new(there, tempfile().unwrap(), format);
        let ReceiptProgress::More(receipt) = receipt.take_ready(&meter) else {
            panic!("{format:?}: more is to come")
        };
        assert!(meter.moved() > 0, "{format:?}");
        let send = async {
            here.write_all(rest).await.unwrap();
            here.shutdown().await.unwrap();
        };
        let receive = receipt.receive(&meter, |got, file| (got, content_of(file)));
        let (((got, written), kept), ()) = tokio::join!(receive, send);
        assert!(matches!(got.end, CopyEnd::Whole), "{format:?}: {:?}", got.end);
        let expect = match format.coding {
            Coding::Image => content.clone(),
            Coding::Ascii => from_wire(&wire),
        };
        assert!(written == expect, "{format:?}");
        assert_eq!((got.bytes, kept.is_some()), (wire.len() as u64, format.keep), "{format:?}");
    }
}

#[tokio::test]
async fn e10_what_came_before_a_reset_is_no_file() {
    let (mut here, there) = pair().await;
    here.write_all(b"half").await.unwrap();
    come(&there, 4).await;
    let receipt = Receipt::new(there, tempfile().unwrap(), Format::default());
    let meter = Meter::default();
    let ReceiptProgress::More(receipt) = receipt.take_ready(&meter) else { panic!("its end has not come") };
    reset(here);
    let ((got, file), kept) = receipt.receive(&meter, |got, file| (got, file)).await;
    assert!(matches!(got.end, CopyEnd::Broken(_)) && kept.is_none(), "{:?}", got.end);
    assert_eq!(content_of(file), b"half");
}

#[tokio::test]
async fn a_file_that_is_stopped_is_finished_once_as_stopped() {
    for before in [true, false] {
        let (_here, there) = pair().await;
        let meter = Meter::default();
        let receipt = Receipt::new(there, tempfile().unwrap(), Format::default());
        if before {
            meter.stop();
            let ReceiptProgress::Ended(got, _) = receipt.take_ready(&meter) else { panic!("it was stopped") };
            assert!(matches!(got.end, CopyEnd::Stopped), "{:?}", got.end);
        } else {
            let stop = async {
                tokio::task::yield_now().await;
                meter.stop();
            };
            let receive = receipt.receive(&meter, |got, _| matches!(got.end, CopyEnd::Stopped));
            let ((is_stopped, kept), ()) = tokio::join!(receive, stop);
            assert!(is_stopped && kept.is_none());
        }
    }
}

#[tokio::test]
async fn a_limited_file_takes_no_more_at_once_than_its_rate_allows() {
    let clock = crate::clock::Clock::start();
    let (mut here, there) = pair().await;
    here.write_all(&sample(10_000, 3)).await.unwrap();
    come(&there, 10_000).await;
    let meter = Meter::limited(vec![crate::limiter::Limiter::new(100.try_into().unwrap(), clock)]);
    let receipt = Receipt::new(there, tempfile().unwrap(), Format::default());
    assert!(matches!(receipt.take_ready(&meter), ReceiptProgress::More(_)));
    assert!(meter.moved() < 10_000, "{}", meter.moved());
}

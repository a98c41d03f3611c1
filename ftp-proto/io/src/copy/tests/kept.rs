//! Connections that carry one file after the other.

use std::future::poll_fn;
use std::task::Poll;

use super::*;
use crate::tls::Data;
use tempfile::tempfile;

/// Whether the end of a connection is known now.
async fn poll_once(kept: &KeptConnection) -> Poll<()> {
    poll_fn(|cx| Poll::Ready(kept.poll_ended(cx))).await
}

#[tokio::test]
async fn e12_files_in_blocks_follow_each_other_on_one_connection() {
    let format = Format { encoding: blocks(), keep: true, ..Format::default() };
    let files = [sample(200_000, 1), Vec::new(), sample(5, 2), sample(65_535, 3)];
    let (here, there) = pair().await;
    let send_all = async {
        let mut data: Option<Data> = Some(here.into());
        for (n, file) in files.iter().enumerate() {
            let to = data.take().expect("there is a connection");
            let sent = send(file_with(file), 0, to, format, &Meter::default()).await;
            assert!(matches!(sent.end, CopyEnd::Whole), "{:?}", sent.end);
            let kept = sent.kept.expect("the connection is kept");
            if n + 1 < files.len() {
                data = Some(kept.into());
            } else {
                kept.close();
            }
        }
    };
    let receive_all = async {
        let mut data: Data = there.into();
        for expect in &files {
            let (got, file) = receive(data, tempfile().unwrap(), format, &Meter::default()).await;
            assert!(matches!(got.end, CopyEnd::Whole), "{:?}", got.end);
            assert!(content_of(file) == *expect);
            let kept = got.kept.expect("the connection is kept");
            // Whether the next file has begun to come or not, nothing of it is taken.
            let _ = poll_once(&kept).await;
            data = kept.into();
        }
        let (got, _) = receive(data, tempfile().unwrap(), format, &Meter::default()).await;
        assert!(matches!(got.end, CopyEnd::Broken(_)), "its end is the end of no file");
    };
    tokio::join!(send_all, receive_all);
}

#[tokio::test]
async fn the_end_of_a_kept_connection_is_seen_and_the_next_file_is_not() {
    let format = Format { encoding: blocks(), keep: true, ..Format::default() };
    for early in [false, true] {
        let (mut here, there) = pair().await;
        here.write_all(&[0, 0, 1, b'a', 64, 0, 0]).await.unwrap();
        let (got, _) = receive(there, tempfile().unwrap(), format, &Meter::default()).await;
        let kept = got.kept.expect("the connection is kept");
        if early {
            here.write_all(&[0, 0, 1, b'b', 64, 0, 0]).await.unwrap();
            here.shutdown().await.unwrap();
            // That would tell nothing: what belongs to the next file comes first.
            assert!(poll_once(&kept).await.is_pending());
            let (got, file) = receive(kept, tempfile().unwrap(), format, &Meter::default()).await;
            assert!(matches!(got.end, CopyEnd::Whole), "{:?}", got.end);
            assert_eq!(content_of(file), b"b");
        } else {
            drop(here);
            poll_fn(|cx| kept.poll_ended(cx)).await;
        }
    }
}

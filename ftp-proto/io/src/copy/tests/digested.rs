//! Files that are digested on their way, to a peer that lets the sender wait in the middle of a piece.

use ftp_proto::digest::Algorithm;

use super::*;

/// Sends `content` from `offset` on with a digest. The peer reads nothing until the sender has given its thread
/// back; then `meanwhile` happens, and the peer reads what comes.
async fn sent_with_a_pause(
    content: &[u8],
    offset: u64,
    meanwhile: impl FnOnce(&File),
) -> (CopyReport, Vec<u8>) {
    let (here, mut there) = pair().await;
    let (file, meter) = (file_with(content), Meter::default());
    let same = file.try_clone().unwrap();
    let format = Format { digest: Some(Algorithm::Blake3), ..Format::default() };
    let peer = async {
        while meter.parked() == 0 {
            tokio::task::yield_now().await;
        }
        meanwhile(&same);
        let mut heard = Vec::new();
        // After an error the connection is reset.
        let _ = there.read_to_end(&mut heard).await;
        heard
    };
    tokio::join!(send(file, offset, here, format, &meter), peer)
}

fn digest(content: &[u8]) -> Option<(String, u64)> {
    let mut digester = crate::hash::Digester::new(Algorithm::Blake3);
    digester.update(content);
    Some((digester.hex(), content.len() as u64))
}

#[tokio::test]
async fn a_pause_in_the_middle_of_a_piece_changes_neither_the_bytes_nor_their_digest() {
    let content = sample(30_000_001, 12);
    for offset in [0, 100_003] {
        let (moved, heard) = sent_with_a_pause(&content, offset as u64, |_| ()).await;
        assert!(matches!(moved.end, CopyEnd::Whole), "{:?}", moved.end);
        assert!(heard == content[offset..]);
        assert_eq!(moved.digest, digest(&content[offset..]));
    }
}

#[tokio::test]
async fn a_file_that_becomes_shorter_in_a_pause_is_not_whole() {
    let content = sample(30_000_000, 13);
    let (moved, heard) = sent_with_a_pause(&content, 0, |file| file.set_len(1_000).unwrap()).await;
    let CopyEnd::File(error) = &moved.end else { panic!("{:?}", moved.end) };
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    assert!(heard.len() < content.len());
}

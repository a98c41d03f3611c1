//! Listings that arrive.

use super::*;
use crate::tls::Data;
use ftp_proto::coding::BlockCodes;
use ftp_proto::dialect::Dialect;

#[tokio::test]
async fn a_reset_in_a_listing_is_an_error_after_the_lines_that_came() {
    let (mut here, there) = pair().await;
    here.write_all(b"one\r\ntwo\nthr").await.unwrap();
    let mut lines = lines(there, None, 100, &Meter::default());
    assert_eq!(lines.next().await.unwrap().unwrap(), b"one");
    assert_eq!(lines.next().await.unwrap().unwrap(), b"two");
    reset(here);
    assert!(lines.next().await.unwrap().is_err());
    assert!(lines.next().await.is_none());
}

#[tokio::test]
async fn a_line_of_a_listing_may_be_as_long_as_its_limit_and_no_longer() {
    let check = async |sent: &[u8], expect: Option<&[u8]>| {
        let (mut here, there) = pair().await;
        here.write_all(sent).await.unwrap();
        drop(here);
        let mut lines = lines(there, None, 5, &Meter::default());
        let first = lines.next().await.unwrap();
        assert_eq!(first.as_deref().ok(), expect, "{}", sent.escape_ascii());
        assert!(lines.next().await.is_none());
    };
    check(b"12345\r\n", Some(b"12345")).await;
    check(b"12345", Some(b"12345")).await;
    check(b"12345\r", Some(b"12345")).await;
    check(b"123456\n", None).await;
    check(b"123456", None).await;
    check(&[b'x'; 100_000], None).await;
}

/// A listing of two lines in blocks, with the beginning of the next one behind it.
#[tokio::test]
async fn a_listing_in_blocks_ends_with_them_and_leaves_its_connection() {
    let codes = BlockCodes::of(Dialect::Rfc959);
    let mut wire = Vec::new();
    codes.write(b"one\r\ntwo\r\n", true, &mut wire);
    let whole = wire.clone();
    codes.write(b"three\r\n", true, &mut wire);
    let (mut here, there) = pair().await;
    here.write_all(&wire).await.unwrap();
    let mut connection = Data::from(there);
    for expected in [&["one", "two"][..], &["three"]] {
        let mut lines = lines(connection, Some(codes), 100, &Meter::default());
        let mut found = Vec::new();
        while let Some(line) = lines.next().await {
            found.push(String::from_utf8(line.unwrap()).unwrap());
        }
        assert_eq!(found, expected);
        connection = lines.into_kept().unwrap().into();
    }
    drop(connection);
    // One that breaks is not whole, nor is one that is not in blocks.
    for (bytes, expect) in
        [(&whole[..whole.len() - 1], io::ErrorKind::UnexpectedEof), (b"one\r\n", io::ErrorKind::InvalidData)]
    {
        let (mut here, there) = pair().await;
        here.write_all(bytes).await.unwrap();
        drop(here);
        let mut lines = lines(there, Some(codes), 100, &Meter::default());
        let mut last = None;
        while let Some(line) = lines.next().await {
            last = Some(line);
        }
        assert_eq!(last.unwrap().unwrap_err().kind(), expect);
        assert!(lines.into_kept().is_none());
    }
}

//! What is checked of it.

use super::super::listing::REFUSED_TOLD;
use super::*;
use ftp_proto::listing::Cut;
use tokio::io::AsyncWriteExt;

/// Reads what a server sends; it sends one more line as long as it is read.
async fn endless(limit: ListingLimit) -> Result<Listing, Unread> {
    let listener = ftp_io::socket::listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let at = listener.local().unwrap();
    let (here, there) = tokio::join!(ftp_io::socket::connect(at.ip(), at), listener.accept());
    let mut there = there.unwrap().0;
    tokio::spawn(async move {
        let line = b"-rw-r--r-- 1 ann ann 1000 Jan 01 2020 f\r\n";
        while there.write_all(line).await.is_ok() {}
    });
    let meter = Meter::default();
    let mut lines = lines(here.unwrap(), None, LONGEST_LINE, &meter);
    read_lines(&mut lines, lister(Form::List, When(0)), (limit, &mut |_| ()), &meter).await
}

#[test]
fn only_a_listing_that_shows_nothing_at_all_is_in_doubt() {
    let shows_nothing = |lines: &[&str], cut: Option<Cut>| {
        let (mut listing, mut lister) = (Listing { cut, ..Listing::default() }, lister(Form::List, When(0)));
        for line in lines {
            lister.push(line.as_bytes());
        }
        lister.end();
        while let Some(found) = lister.next() {
            listing.take(found, &mut |_| ());
        }
        listing.shows_nothing()
    };
    assert!(shows_nothing(&[], None) && shows_nothing(&["total 0"], None));
    assert!(!shows_nothing(&["drwxr-xr-x 2 ann ann 4096 Jan 01 2020 ."], None));
    assert!(!shows_nothing(&["-rw-r--r-- 1 ann ann 1 Jan 01 2020 f"], None));
    assert!(!shows_nothing(&["-rw-r--r-- 1 ann ann 1 Jan 01 2020 ../f"], None));
    assert!(!shows_nothing(&[], Some(Cut::Unopened)));
}

#[tokio::test]
async fn a_listing_without_end_is_ended() {
    let check =
        async |entries, bytes, expect: &str| match endless(ListingLimit { entries, bytes, names: u64::MAX })
            .await
        {
            Err(Unread::TooLarge(why)) => assert_eq!(why, expect),
            other => panic!("{other:?}"),
        };
    check(1000, u64::MAX, "has more than 1000 entries").await;
    check(usize::MAX, 64 * 1024, "has more than 64.00 KiB").await;
}

#[test]
fn names_that_no_file_can_have_are_counted_behind_the_first_ones() {
    let mut listing = Listing::default();
    let mut lister = lister(Form::Mlsd, When(0));
    for number in 0..10_000 {
        lister.push(format!("type=file; ../{number}{}", "\u{1b}".repeat(2_000)).as_bytes());
        while let Some(found) = lister.next() {
            listing.take(found, &mut |_| ());
        }
    }
    assert_eq!((listing.refused.len(), listing.len()), (REFUSED_TOLD, 10_000));
    let bytes: usize = listing.refused.iter().map(String::len).sum();
    assert!(bytes < REFUSED_TOLD * 1_000, "{bytes}");
    let gaps = listing.gaps();
    assert_eq!(gaps.len(), REFUSED_TOLD + 1);
    assert_eq!(gaps.last().unwrap().to_string(), "the listing has 9900 more names that no file can have");
    assert!(listing.is_incomplete());
}

#[test]
fn names_of_this_host_that_ftp_cannot_carry_are_told_and_those_of_a_server_are_counted() {
    let mut listing = Listing::default();
    listing.leave_out(b"a\nb");
    listing.leave_out(b"c\rd");
    let told = listing.gaps().pop().unwrap().to_string();
    assert!(told.contains("leaves out 2 names that FTP cannot carry: a%0Ab, c%0Dd; rename"), "{told}");
    assert!(listing.is_incomplete() && !told.contains("server"), "{told}");
    (0..1_000).for_each(|_| listing.leave_out(b"x\ny"));
    let told = listing.gaps().pop().unwrap().to_string();
    assert!(
        told.contains("1002 names") && told.matches("x%0Ay").count() == 8 && told.contains(", ..."),
        "{told}"
    );
    let of_server = Listing { omitted: 3, ..Listing::default() };
    let told = of_server.gaps().pop().unwrap().to_string();
    assert!(
        told.contains("3 names that FTP cannot carry; rename") && told.contains("ftp-server logs"),
        "{told}"
    );
}

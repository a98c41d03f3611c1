//! The header of a proxy, as it is read: never beyond its end.

use ftp_proto::address::proxy::{Header, parse};

/// Any bytes as the beginning of a connection: what is lacking is less than a header may have, and a
/// header that is whole was not whole before its last byte.
pub fn proxy(data: &[u8]) {
    let mut read = 0;
    while let Ok(Header::Lacks(count)) = parse(&data[..read]) {
        let next = read + count.get();
        assert!(next <= 16 + 4_096, "a header of {next} bytes is asked for");
        if next > data.len() {
            return;
        }
        for between in read + 1..next {
            let whole = matches!(parse(&data[..between]), Ok(Header::Whole(_)));
            assert!(!whole, "{next} bytes are asked for, but {between} were enough");
        }
        read = next;
    }
}

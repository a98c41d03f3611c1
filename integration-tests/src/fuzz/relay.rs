//! Frames and messages of the relay protocol, and tokens.

use super::input::{choice, pieces};
use ftp_proto::relay::frame::{Frame, FrameError, FrameReader, MAX_FRAME, encode};
use ftp_proto::relay::hub::{FromHub, ToHub};
use ftp_proto::relay::link::{First, LinkAnswer};
use ftp_proto::relay::message::{FromAgent, ToAgent};
use ftp_proto::relay::token::Token;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Bytes of a relay connection become messages of either end.
///
/// The pieces in which they arrive make no difference, and a message that was read can be written and
/// read again.
pub fn frames(data: &[u8]) {
    let (choice, data) = choice(data);
    match choice >> 4 {
        14 => return messages::<Frame<ToHub>>(data, choice),
        15 => return messages::<Frame<FromHub>>(data, choice),
        _ => {}
    }
    match choice >> 4 & 3 {
        0 => messages::<Frame<ToAgent>>(data, choice),
        1 => messages::<Frame<FromAgent>>(data, choice),
        2 => messages::<First>(data, choice),
        _ => messages::<LinkAnswer>(data, choice),
    }
}

fn messages<M: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8], choice: u8) {
    let (messages, failed) = read::<M>(std::iter::once(data));
    assert_eq!(read::<M>(pieces(data, choice)), (messages, failed), "the pieces make a difference");
    for message in read::<M>(std::iter::once(data)).0 {
        let written = encode(&message).unwrap_or_else(|| panic!("too long to be written: {message:?}"));
        assert!(written.len() <= MAX_FRAME + 4, "a frame of {} bytes", written.len());
        assert_eq!(read::<M>(std::iter::once(written.as_slice())), (vec![message], None));
    }
}

/// The messages up to the first error, and the error.
fn read<'a, M: DeserializeOwned>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<M>, Option<FrameError>) {
    let mut reader = FrameReader::new();
    let mut messages = Vec::new();
    for piece in pieces {
        reader.push(piece);
        while let Some(message) = reader.message().transpose() {
            match message {
                Ok(message) => messages.push(message),
                Err(error) => return (messages, Some(error)),
            }
        }
    }
    (messages, None)
}

/// A line of a token file.
///
/// A token that was read is written as a line that is read as the same token, and no text about it,
/// nor about a line that is none, shows the secret.
pub fn token(data: &[u8]) {
    let Ok(line) = std::str::from_utf8(data) else { return };
    match Token::parse(line) {
        Ok(token) => {
            assert_eq!(token.line().as_str(), line.trim(), "a token has one line");
            assert_eq!(Token::parse(&token.line()).as_ref(), Ok(&token));
            let secret = line.trim().rsplit('.').next().unwrap_or_default();
            assert!(!format!("{token:?}").contains(secret), "the secret is shown");
        }
        Err(error) => {
            let long =
                |word: &&str| word.len() > 12 && !"not a token: frt1.NAME.EXPIRY.SECRET".contains(word);
            let shown = line.split(['.', ' ']).filter(long).find(|word| error.to_string().contains(word));
            assert_eq!(shown, None, "a part of the line is repeated: {error}");
        }
    }
}
